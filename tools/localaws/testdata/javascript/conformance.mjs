// What programs do with the AWS SDK for JavaScript, against the embedded AWS. Each failed
// check is a line on stdout; the last line is how many checks there were.
import assert from 'node:assert/strict'
import { CloudFormationClient, CreateStackCommand, DeleteStackCommand, DescribeStacksCommand, waitUntilStackCreateComplete, waitUntilStackDeleteComplete } from '@aws-sdk/client-cloudformation'
import { DynamoDBClient, CreateTableCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient, PutEventsCommand, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import { LambdaClient, InvokeCommand, GetFunctionCommand } from '@aws-sdk/client-lambda'
import { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, CreateMultipartUploadCommand, UploadPartCommand, CompleteMultipartUploadCommand } from '@aws-sdk/client-s3'
import { SecretsManagerClient, CreateSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { SNSClient, CreateTopicCommand, SubscribeCommand, PublishCommand } from '@aws-sdk/client-sns'
import { SQSClient, CreateQueueCommand, GetQueueAttributesCommand, SetQueueAttributesCommand, SendMessageCommand, SendMessageBatchCommand, ReceiveMessageCommand, DeleteMessageCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs'
import { SSMClient, PutParameterCommand, GetParameterCommand, GetParametersByPathCommand } from '@aws-sdk/client-ssm'
import { DynamoDBDocumentClient, PutCommand, GetCommand, UpdateCommand, QueryCommand, ScanCommand, TransactWriteCommand, BatchGetCommand, DeleteCommand, paginateScan } from '@aws-sdk/lib-dynamodb'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

// A retry would hide a failure.
const config = { maxAttempts: 1 }
const quick = { minDelay: 1, maxDelay: 1, maxWaitTime: 60 }
let checks = 0
async function check(name, run) {
  checks++
  try {
    await run()
  } catch (err) {
    console.log(`${name}: ${err.name}: ${err.message.replaceAll('\n', ' ')}`)
  }
}
const rejects = (promise, name) => assert.rejects(promise, err => { assert.equal(err.name, name); return true })

const sqs = new SQSClient(config)
let queue, queueArn
await check('SQS: a queue', async () => {
  queue = (await sqs.send(new CreateQueueCommand({ QueueName: 'js', Attributes: { VisibilityTimeout: '1' } }))).QueueUrl
  assert.equal((await sqs.send(new GetQueueUrlCommand({ QueueName: 'js' }))).QueueUrl, queue)
  queueArn = (await sqs.send(new GetQueueAttributesCommand({ QueueUrl: queue, AttributeNames: ['All'] }))).Attributes.QueueArn
  await rejects(sqs.send(new GetQueueUrlCommand({ QueueName: 'none' })), 'QueueDoesNotExist')
})
await check('SQS: messages', async () => {
  await sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: 'ä', MessageAttributes: { a: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2]) } } }))
  const got = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue, MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'], WaitTimeSeconds: 5 }))
  assert.equal(got.Messages[0].Body, 'ä')
  assert.deepEqual([...got.Messages[0].MessageAttributes.a.BinaryValue], [1, 2])
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: got.Messages[0].ReceiptHandle }))
  const batch = await sqs.send(new SendMessageBatchCommand({ QueueUrl: queue, Entries: [{ Id: '1', MessageBody: 'a' }, { Id: '2', MessageBody: 'b', DelaySeconds: 901 }] }))
  assert.equal(batch.Successful.length, 1)
  assert.equal(batch.Failed[0].Id, '2')
  const one = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 5 }))
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: one.Messages[0].ReceiptHandle }))
})

const receive = async () => {
  const got = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue, WaitTimeSeconds: 10 }))
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: got.Messages[0].ReceiptHandle }))
  return JSON.parse(got.Messages[0].Body)
}
await check('SNS: a topic that delivers to a queue', async () => {
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue, Attributes: { Policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 'sqs:SendMessage', Resource: queueArn }] }) } }))
  const sns = new SNSClient(config)
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'js' }))
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn, Attributes: { FilterPolicy: JSON.stringify({ kind: ['new'] }) } }))
  await sns.send(new PublishCommand({ TopicArn, Message: 'no', MessageAttributes: { kind: { DataType: 'String', StringValue: 'old' } } }))
  await sns.send(new PublishCommand({ TopicArn, Message: 'yes', MessageAttributes: { kind: { DataType: 'String', StringValue: 'new' } } }))
  assert.equal((await receive()).Message, 'yes')
  await rejects(sns.send(new PublishCommand({ TopicArn: TopicArn + 'x', Message: 'm' })), 'NotFoundException')
})
await check('EventBridge: a rule', async () => {
  const events = new EventBridgeClient(config)
  await events.send(new PutRuleCommand({ Name: 'js', EventPattern: JSON.stringify({ source: ['js'] }) }))
  const put = await events.send(new PutTargetsCommand({ Rule: 'js', Targets: [{ Id: 'q', Arn: queueArn }] }))
  assert.equal(put.FailedEntryCount, 0)
  const sent = await events.send(new PutEventsCommand({ Entries: [{ Source: 'js', DetailType: 't', Detail: '{"a":1}' }, { Source: 'js', DetailType: 't', Detail: 'no JSON' }] }))
  assert.equal(sent.FailedEntryCount, 1)
  assert.deepEqual((await receive()).detail, { a: 1 })
})

await check('S3: objects', async () => {
  const s3 = new S3Client({ ...config, forcePathStyle: true })
  const Bucket = 'js-bucket'
  await s3.send(new CreateBucketCommand({ Bucket }))
  await s3.send(new PutObjectCommand({ Bucket, Key: 'a b/ü', Body: 'hello', ContentType: 'text/plain', Metadata: { m: 'v' } }))
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'a b/ü' }))
  assert.equal(await got.Body.transformToString(), 'hello')
  assert.equal(got.Metadata.m, 'v')
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'a b/ü' }))).ContentLength, 5)
  const range = await s3.send(new GetObjectCommand({ Bucket, Key: 'a b/ü', Range: 'bytes=1-2' }))
  assert.equal(await range.Body.transformToString(), 'el')
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket }))).Contents[0].Key, 'a b/ü')
  await rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'none' })), 'NoSuchKey')
  await rejects(s3.send(new HeadObjectCommand({ Bucket, Key: 'none' })), 'NotFound')
  await rejects(s3.send(new GetObjectCommand({ Bucket, Key: 'a b/ü', Range: 'bytes=9-' })), 'InvalidRange')

  const put = await fetch(await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'signed' })), { method: 'PUT', body: 'by URL' })
  assert.equal(put.status, 200, await put.clone().text())
  const get = await fetch(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'signed' }), { expiresIn: 60 }))
  assert.equal(await get.text(), 'by URL')
  const tampered = await fetch((await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'signed' }))).replace('signed', 'other'))
  assert.equal(tampered.status, 403)

  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts' }))
  const Parts = []
  for (const [i, size] of [5 << 20, 3].entries()) {
    const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber: i + 1, Body: Buffer.alloc(size, 'x') }))
    Parts.push({ ETag, PartNumber: i + 1 })
  }
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'parts', UploadId, MultipartUpload: { Parts } }))
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'parts' }))).ContentLength, (5 << 20) + 3)
})

await check('DynamoDB: the document client', async () => {
  const client = new DynamoDBClient(config)
  await client.send(new CreateTableCommand({
    TableName: 'js-table', BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'p', AttributeType: 'S' }, { AttributeName: 's', AttributeType: 'N' }],
    KeySchema: [{ AttributeName: 'p', KeyType: 'HASH' }, { AttributeName: 's', KeyType: 'RANGE' }]
  }))
  await waitUntilTableExists({ client, ...quick }, { TableName: 'js-table' })
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } })
  const item = { p: 'a', s: 1, text: 'ä', list: [1, 'b', null, true], map: { deep: { n: 1.5 } }, set: new Set(['x', 'y']), bytes: new Uint8Array([1, 2]) }
  await documents.send(new PutCommand({ TableName: 'js-table', Item: { ...item, none: undefined } }))
  assert.deepEqual((await documents.send(new GetCommand({ TableName: 'js-table', Key: { p: 'a', s: 1 } }))).Item, item)
  assert.equal((await documents.send(new GetCommand({ TableName: 'js-table', Key: { p: 'a', s: 9 } }))).Item, undefined)
  const updated = await documents.send(new UpdateCommand({ TableName: 'js-table', Key: { p: 'a', s: 1 }, UpdateExpression: 'SET #n = if_not_exists(#n, :zero) + :one', ExpressionAttributeNames: { '#n': 'n' }, ExpressionAttributeValues: { ':one': 1, ':zero': 0 }, ReturnValues: 'ALL_NEW' }))
  assert.equal(updated.Attributes.n, 1)
  await documents.send(new TransactWriteCommand({ TransactItems: [2, 3].map(s => ({ Put: { TableName: 'js-table', Item: { p: 'a', s } } })) }))
  const found = await documents.send(new QueryCommand({ TableName: 'js-table', KeyConditionExpression: 'p = :p AND s > :s', ExpressionAttributeValues: { ':p': 'a', ':s': 1 }, ScanIndexForward: false }))
  assert.deepEqual(found.Items.map(i => i.s), [3, 2])
  let pages = 0
  for await (const page of paginateScan({ client: documents, pageSize: 2 }, { TableName: 'js-table' })) pages += page.Items.length
  assert.equal(pages, 3)
  const batch = await documents.send(new BatchGetCommand({ RequestItems: { 'js-table': { Keys: [{ p: 'a', s: 2 }, { p: 'a', s: 7 }] } } }))
  assert.equal(batch.Responses['js-table'].length, 1)
  assert.deepEqual(batch.UnprocessedKeys, {})
  await rejects(documents.send(new PutCommand({ TableName: 'js-table', Item: { p: 'a', s: 1 }, ConditionExpression: 'attribute_not_exists(p)' })), 'ConditionalCheckFailedException')
  await rejects(documents.send(new TransactWriteCommand({ TransactItems: [{ ConditionCheck: { TableName: 'js-table', Key: { p: 'a', s: 9 }, ConditionExpression: 'attribute_exists(p)' } }] })), 'TransactionCanceledException')
  await documents.send(new DeleteCommand({ TableName: 'js-table', Key: { p: 'a', s: 1 } }))
  assert.equal((await documents.send(new ScanCommand({ TableName: 'js-table', Select: 'COUNT' }))).Count, 2)
})

await check('SSM: parameters', async () => {
  const ssm = new SSMClient(config)
  await ssm.send(new PutParameterCommand({ Name: '/js/a', Value: 'v', Type: 'String' }))
  await ssm.send(new PutParameterCommand({ Name: '/js/b', Value: 's', Type: 'SecureString' }))
  assert.equal((await ssm.send(new GetParameterCommand({ Name: '/js/b', WithDecryption: true }))).Parameter.Value, 's')
  assert.equal((await ssm.send(new GetParametersByPathCommand({ Path: '/js' }))).Parameters.length, 2)
  await rejects(ssm.send(new GetParameterCommand({ Name: '/none' })), 'ParameterNotFound')
})
await check('Secrets Manager: a secret', async () => {
  const secrets = new SecretsManagerClient(config)
  await secrets.send(new CreateSecretCommand({ Name: 'js', SecretString: '{"a":1}' }))
  const got = await secrets.send(new GetSecretValueCommand({ SecretId: 'js' }))
  assert.equal(got.SecretString, '{"a":1}')
  assert.ok(got.CreatedDate instanceof Date)
  await rejects(secrets.send(new GetSecretValueCommand({ SecretId: 'none' })), 'ResourceNotFoundException')
})

await check('CloudFormation and Lambda: waiters, and a function', async () => {
  const client = new CloudFormationClient(config)
  const StackName = 'js'
  const create = code => client.send(new CreateStackCommand({
    StackName, Capabilities: ['CAPABILITY_IAM'], TemplateBody: JSON.stringify({
      Resources: {
        Role: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } }] } } },
        Function: { Type: 'AWS::Lambda::Function', Properties: { Runtime: 'nodejs22.x', Handler: 'index.handler', Code: { ZipFile: code }, Role: { 'Fn::GetAtt': ['Role', 'Arn'] }, Timeout: 30 } }
      },
      Outputs: { Name: { Value: { Ref: 'Function' } } }
    })
  }))
  await create("exports.handler = async e => { if (e.fail) throw new TypeError('no'); return { got: e } }")
  await waitUntilStackCreateComplete({ client, ...quick }, { StackName })
  const [stack] = (await client.send(new DescribeStacksCommand({ StackName }))).Stacks
  const FunctionName = stack.Outputs[0].OutputValue
  const lambda = new LambdaClient(config)
  assert.equal((await lambda.send(new GetFunctionCommand({ FunctionName }))).Configuration.Runtime, 'nodejs22.x')
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ a: 'ü' }) }))
  assert.deepEqual(JSON.parse(answer.Payload.transformToString()), { got: { a: 'ü' } })
  const failed = await lambda.send(new InvokeCommand({ FunctionName, Payload: '{"fail":true}', LogType: 'Tail' }))
  assert.equal(failed.FunctionError, 'Unhandled')
  assert.equal(JSON.parse(failed.Payload.transformToString()).errorType, 'TypeError')
  assert.ok(Buffer.from(failed.LogResult, 'base64').toString().includes('REPORT'))
  await rejects(lambda.send(new InvokeCommand({ FunctionName: 'none' })), 'ResourceNotFoundException')
  await client.send(new DeleteStackCommand({ StackName }))
  await waitUntilStackDeleteComplete({ client, ...quick }, { StackName: stack.StackId })
  await rejects(client.send(new DescribeStacksCommand({ StackName })), 'ValidationError')
})
console.log(`${checks} checks`)
