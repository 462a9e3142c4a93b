// What the server sends. The Go types of package console say what each field means.

export type Failed = { error: string }

export type About = { person: string; user: string; endpoint: string }

export type Clock = { now: string }

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
  verdict?: Verdict
}
