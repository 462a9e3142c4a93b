// What the server sends. The Go types of package console say what each field means.

export type Failed = { error: string }

export type About = { person: string; user: string; endpoint: string }

export type Summary = { name: string; status?: string }

export type Execution = {
  id: string
  status: string
  kind: string
  commit?: string
  subject?: string
  started: string
  updated: string
  by?: string
  reason?: string
}

export type Action = {
  name: string
  id?: string
  category: string
  provider: string
  order: number
  status: string
  started?: string
  updated?: string
  command?: string
  summary?: string
  error?: string
  by?: string
  log?: { group: string; stream: string }
  first?: { line: number; text: string }
  artifacts?: string[]
  approval?: { token?: string; text?: string; link?: string }
}

export type Stage = {
  name: string
  status?: string
  retryable?: boolean
  transition: { enabled: boolean; reason?: string; by?: string }
  waiting?: string[]
  other?: string
  actions: Action[]
}

export type Pipeline = {
  name: string
  executions: Execution[]
  execution: string
  latest: boolean
  stages: Stage[]
}

export type Line = { at: number; text: string }

export type File = { name: string; size: number; carried?: boolean }

export type Artifact = { name: string; files: File[] }

export type Case = { name: string; state: string; seconds: number; said?: string }

export type Finding = {
  tool: string
  rule: string
  level: string
  file?: string
  line?: number
  text: string
  snippet?: string
  suppressed?: string
}

export type Outcome = {
  id: string
  item: string
  title: string
  required: boolean
  tolerated: boolean
  state: string
  counted?: string
  reason?: string
  next?: string
}

export type Verdict = {
  verdict: string
  commit: string
  base: string
  package: string
  tolerated: number
  waived: number
  outcomes: Outcome[]
}

export type Document = {
  kind: 'junit' | 'sarif' | 'coverage' | 'verdict' | 'page' | 'text' | 'binary'
  text?: string
  cut?: boolean
  page?: string
  suites?: { name: string; cases: Case[] }[]
  findings?: Finding[]
  covered?: { file: string; statements: number; run: number }[]
  patch?: Patch
  verdict?: Verdict
}

export type Patch = {
  base: string
  statements: number
  covered: number
  files: { file: string; added: number; missing: number; lines?: { number: number; text: string; added?: boolean; missing?: boolean }[] }[]
  unknown?: string
}

export type ClockState = {
  now: string
  rate: number
  factor?: number
  paused?: boolean
  held?: boolean
  busy?: number
  next?: string
}

export type Deployment = {
  id: string
  status: string
  group: string
  config: string
  old?: string
  new?: string
  created: string
  ended?: string
  undoes?: boolean
}

export type Count = { invocations: number; errors: number }
export type Sample = Count & { http: Count; p90: number; warm: number }

export type Shift = Deployment & {
  function: string
  alias: string
  weight: number
  events: { name: string; status: string; started?: string; ended?: string; message?: string }[]
  alarms: { name: string; state: string; reason?: string }[]
  error?: string
  rollback?: string
  versions?: Record<string, Sample>
  limits?: { minInvocations: number; significance: number; maxErrorRate: number; maxP90: number }
  judgement?: { verdict: string; reasons: string[]; p: number; missed: number }
  unjudged?: string
  picture?: string
}

export type Ref = { kind: string; name: string }

export type Item = Ref & { state?: string; says?: string; stack?: string }

export type Cell = { text: string; to?: Ref; log?: { group: string; stream: string }; state?: boolean; code?: boolean }

export type Thing = Ref & {
  facts: (Cell & { name: string })[]
  tables: { title: string; columns: string[]; rows: Cell[][]; empty: string }[]
}

export type Decision = { action: string; resource: string; allowed: boolean; by?: string; policy?: string; statement?: string }

export type AWSRequest = {
  number: number
  id?: string
  at: string
  took: number
  service: string
  operation: string
  caller?: string
  agent?: string
  trace?: string
  status?: number
  error?: string
  inside?: boolean
  decisions?: Decision[]
}

export type Sent = { method: string; uri: string; header: Record<string, string>; body: string }

export type Replayed = { status: number; body: string }
