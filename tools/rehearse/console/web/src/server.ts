// Talks to the server: what changes by one stream of server-sent events, and what is
// done by requests. The secret is in the address's fragment and goes along as a header.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { AWSRequest, ClockState, Line } from './types'

const api = '/_magewright/api/'

export const secret = () => location.hash.slice(1)

const authorization = () => ({ Authorization: 'Bearer ' + secret() })

async function answered(response: Response) {
  const value = await response.json().catch(() => ({ error: 'The endpoint answers ' + response.status + '.' }))
  if (!response.ok) throw new Error(value.error)
  return value
}

export async function get<T>(path: string, query: Record<string, string>): Promise<T> {
  return answered(await fetch(api + path + '?' + new URLSearchParams(query), { headers: authorization() }))
}

export async function post<T = unknown>(path: string, body: object): Promise<T> {
  return answered(
    await fetch(api + path, {
      method: 'POST',
      headers: { ...authorization(), 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }),
  )
}

export type Topic = { kind: string; name?: string; id?: string; width?: number }

type Watched = { topic: Topic; value: unknown; lines: Line[]; token: string; requests: AWSRequest[]; tell: Set<() => void> }

export type State = 'connecting' | 'open' | 'lost' | 'refused'

const watched = new Map<string, Watched>()
const onState = new Set<(state: State) => void>()
let state: State = 'connecting'
let stream: AbortController | undefined
let planned: number | undefined
let pause = 500

function become(next: State) {
  state = next
  onState.forEach((tell) => tell(next))
}

// plan opens the stream anew, because other topics are watched than before.
function plan(after: number) {
  clearTimeout(planned)
  planned = setTimeout(open, after) as unknown as number
}

// silence is more than twice as long as the server is ever silent, in milliseconds.
const silence = 12_000

async function open() {
  stream?.abort()
  const list = [...watched.values()]
  if (list.length === 0) return
  const mine = (stream = new AbortController())
  let last: number | undefined
  const wake = () => {
    clearTimeout(last)
    last = setTimeout(() => mine.abort(), silence) as unknown as number
  }
  try {
    wake()
    const topics = list.map((w) => ({ ...w.topic, from: w.requests.at(-1)?.number ?? w.lines.length, token: w.token }))
    const response = await fetch(api + 'watch?topics=' + encodeURIComponent(JSON.stringify(topics)), {
      headers: authorization(),
      signal: mine.signal,
    })
    if (response.status === 401) return become('refused')
    if (!response.ok || !response.body) throw new Error('refused')
    become('open')
    pause = 500
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      const { value, done } = await reader.read()
      if (done) break
      wake()
      const events = (rest + value).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) {
        if (event.startsWith('data: ')) take(list, JSON.parse(event.slice(6)))
      }
    }
  } catch {
    // It is opened again below.
  } finally {
    clearTimeout(last)
  }
  if (mine !== stream) return // another stream has taken its place
  become('lost')
  pause = Math.min(pause * 2, 5000)
  plan(pause)
}

// mostRequests is how many requests a page keeps.
const mostRequests = 2000

function take(list: Watched[], event: { topic: number; value: unknown }) {
  const w = list[event.topic]
  if (!w) return
  if (w.topic.kind === 'log') {
    const news = event.value as { from: number; lines: Line[]; token: string }
    w.lines = [...w.lines.slice(0, news.from), ...news.lines]
    w.token = news.token
  } else if (w.topic.kind === 'requests') {
    w.requests = [...w.requests, ...(event.value as { requests: AWSRequest[] }).requests].slice(-mostRequests)
  } else {
    w.value = event.value
  }
  w.tell.forEach((tell) => tell())
}

function use<T>(topic: Topic | null, read: (w: Watched) => T): T | undefined {
  const key = topic && JSON.stringify(topic)
  const [, draw] = useState(0)
  useEffect(() => {
    if (!key || !topic) return
    let w = watched.get(key)
    if (!w) {
      watched.set(key, (w = { topic, value: undefined, lines: [], token: '', requests: [], tell: new Set() }))
      plan(0)
    }
    const tell = () => draw((n) => n + 1)
    w.tell.add(tell)
    tell()
    return () => {
      w.tell.delete(tell)
      if (w.tell.size === 0) {
        watched.delete(key)
        plan(0)
      }
    }
  }, [key])
  const w = key ? watched.get(key) : undefined
  return w && read(w)
}

// useTopic returns what is known of a topic, undefined before anything is.
export function useTopic<T>(topic: Topic | null): T | undefined {
  return use(topic, (w) => w.value as T | undefined)
}

// useLog returns the lines of a log so far.
export function useLog(log: { group: string; stream: string } | undefined): Line[] {
  return use(log ? { kind: 'log', name: log.group, id: log.stream } : null, (w) => w.lines) ?? []
}

// useRequests returns the newest requests to AWS.
export function useRequests(): AWSRequest[] {
  return use({ kind: 'requests' }, (w) => w.requests) ?? []
}

export function useConnection(): State {
  const [now, set] = useState(state)
  useEffect(() => {
    onState.add(set)
    set(state)
    return () => void onState.delete(set)
  }, [])
  return now
}

// retry opens the stream at once.
export const retry = () => plan(0)

// useAsked returns the answer to a question that is asked once.
export function useAsked<T>(path: string | null, query: Record<string, string>): { value?: T; error?: string } {
  const [answer, set] = useState<{ key: string; value?: T; error?: string }>({ key: '' })
  const key = path + '?' + new URLSearchParams(query)
  useEffect(() => {
    if (!path) return
    let gone = false
    get<T>(path, query).then(
      (value) => gone || set({ key, value }),
      (error) => gone || set({ key, error: error.message }),
    )
    return () => void (gone = true)
  }, [key])
  return answer.key === key ? answer : {}
}

// useClock returns AWS's time, which goes on between the server's words on it.
export function useClock(): { now: number; clock?: ClockState } {
  const clock = useTopic<ClockState>({ kind: 'clock' })
  const heard = useRef({ at: 0, now: 0, of: clock })
  const [, draw] = useState(0)
  if (clock && heard.current.of !== clock) heard.current = { at: performance.now(), now: Date.parse(clock.now), of: clock }
  useEffect(() => {
    const timer = setInterval(() => draw((n) => n + 1), 500)
    return () => clearInterval(timer)
  }, [])
  if (!clock) return { now: 0 }
  // The server says it each second. A page that hears nothing does not go on guessing.
  const passed = Math.min(performance.now() - heard.current.at, 2000)
  return { now: heard.current.now + passed * clock.rate, clock }
}
