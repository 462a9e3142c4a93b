package localaws_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// A subscriber confirms and ends its subscription as on AWS: it follows the
// links that it receives, without a signature. Other requests need one.
func TestSubscribersFollowTheirLinks(t *testing.T) {
	t.Parallel()
	type message struct{ Type, Message, SubscribeURL, UnsubscribeURL string }
	messages := make(chan message, 2)
	subscriber := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		messages <- m
	}))
	defer subscriber.Close()
	cfg := start(t)
	topics := sns.NewFromConfig(cfg)
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("news")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("http"), Endpoint: &subscriber.URL}); err != nil {
		t.Fatal(err)
	}
	follow := func(link string, want int) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != want {
			t.Errorf("GET %s: %s, want %d; %v", link, answer.Status, want, err)
		}
	}
	follow((<-messages).SubscribeURL, http.StatusOK)
	if _, err := topics.Publish(t.Context(), &sns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String("hello")}); err != nil {
		t.Fatal(err)
	}
	news := <-messages
	if news.Message != "hello" {
		t.Errorf("the subscriber got %+v", news)
	}
	follow(news.UnsubscribeURL, http.StatusOK)
	left, err := topics.ListSubscriptionsByTopic(t.Context(), &sns.ListSubscriptionsByTopicInput{TopicArn: topic.TopicArn})
	if err != nil || len(left.Subscriptions) != 0 {
		t.Errorf("after unsubscribing: %+v, %v", left, err)
	}
	follow(aws.ToString(cfg.BaseEndpoint)+"/?"+url.Values{"Action": {"DeleteTopic"}, "TopicArn": {*topic.TopicArn}}.Encode(), http.StatusForbidden)
	if _, err := topics.GetTopicAttributes(t.Context(), &sns.GetTopicAttributesInput{TopicArn: topic.TopicArn}); err != nil {
		t.Errorf("whoever has a link has removed the topic: %v", err)
	}
}
