// Small parts that several views are made of.
import { useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'

const words: Record<string, string> = {
  NotStarted: 'Not run',
  InProgress: 'Running',
}

// tone is the colour of a status.
export function tone(status: string | undefined): string {
  switch (status) {
    case 'Succeeded':
    case 'PASS':
    case 'OK':
    case 'Active':
    case 'ACTIVE':
    case 'passed':
      return 'good'
    case 'Failed':
    case 'FAIL':
    case 'ALARM':
    case 'failed':
    case 'error':
    case 'Stopped':
    case 'Abandoned':
      return 'bad'
    case 'InProgress':
    case 'Stopping':
    case 'Running':
      return 'busy'
    case 'UNKNOWN':
    case 'warning':
    case 'INSUFFICIENT_DATA':
      return 'warn'
  }
  if (status?.startsWith('GO')) return 'good'
  if (status?.startsWith('NO-GO')) return 'bad'
  if (status?.endsWith('_IN_PROGRESS')) return 'busy'
  if (status?.includes('FAILED') || status?.includes('ROLLBACK')) return 'bad'
  if (status?.endsWith('_COMPLETE')) return 'good'
  return 'quiet'
}

const marks: Record<string, string> = { good: '✓', bad: '✗', busy: '●', warn: '!', quiet: '○' }

export function Status({ of, words: said }: { of: string; words?: string }) {
  const t = tone(of)
  return (
    <span class={'status ' + t}>
      <span aria-hidden="true" class="mark">
        {marks[t]}
      </span>
      {said ?? words[of] ?? of}
    </span>
  )
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

export function Trouble({ children }: { children: ComponentChildren }) {
  return (
    <p class="trouble" role="alert">
      {children}
    </p>
  )
}

// Do is a button for something that is done on the server. It shows why it failed.
export function Do({ act, children, kind }: { act: () => Promise<unknown>; children: ComponentChildren; kind?: string }) {
  const [busy, work] = useState(false)
  const [error, fail] = useState('')
  return (
    <>
      <button
        type="button"
        class={kind}
        disabled={busy}
        onClick={async () => {
          work(true)
          fail('')
          try {
            await act()
          } catch (e) {
            fail((e as Error).message)
          }
          work(false)
        }}
      >
        {children}
      </button>
      {error && <Trouble>{error}</Trouble>}
    </>
  )
}

export const short = (commit: string) => commit.slice(0, 12)

export function time(at: string | number | undefined): string {
  if (!at) return ''
  return new Date(at).toISOString().slice(11, 19)
}

// span is a time in words: 0.4 s, 12 s, 2m04s.
export function span(milliseconds: number): string {
  const s = Math.max(0, milliseconds) / 1000
  if (s < 10) return s.toFixed(1) + ' s'
  if (s < 60) return s.toFixed(0) + ' s'
  const minutes = Math.floor(s / 60)
  if (minutes < 60) return minutes + 'm' + String(Math.floor(s % 60)).padStart(2, '0') + 's'
  return Math.floor(minutes / 60) + 'h' + String(minutes % 60).padStart(2, '0') + 'm'
}

// brief is a time in words for what rarely takes a second: 0.4 ms, 12 ms, 1.2 s.
export function brief(milliseconds: number): string {
  if (milliseconds >= 1000) return span(milliseconds)
  return milliseconds.toFixed(milliseconds < 10 ? 1 : 0) + ' ms'
}

export function size(bytes: number): string {
  if (bytes < 1000) return bytes + ' B'
  if (bytes < 1e6) return (bytes / 1000).toFixed(1) + ' kB'
  return (bytes / 1e6).toFixed(1) + ' MB'
}

export const plural = (n: number, one: string, many = one + 's') => n.toLocaleString('en') + ' ' + (n === 1 ? one : many)

// isFailed tells an error that the server sent in place of a value.
export function isFailed(value: unknown): value is { error: string } {
  return typeof value === 'object' && value !== null && 'error' in value && Object.keys(value).length === 1
}
