// A log as it runs: thousands of lines, searched, each with a link.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Component } from 'preact'
import { pieces, plain } from './ansi'
import { address, current, go, useRoute } from './route'
import { Empty, plural } from './parts'
import type { Line } from './types'

// A chunk of lines is drawn once, and again only if what is searched changes.
const chunk = 200
// most is how many lines are drawn before somebody asks for those before.
const most = 20_000

type ChunkProps = { lines: Line[]; first: number; find: string; found: number; linked: number }

function Marked({ text, find }: { text: string; find: string }) {
  if (!find) return <>{text}</>
  const parts = []
  const lower = text.toLowerCase()
  let at = 0
  for (let i = lower.indexOf(find); i >= 0; i = lower.indexOf(find, at)) {
    parts.push(text.slice(at, i), <mark>{text.slice(i, i + find.length)}</mark>)
    at = i + find.length
  }
  return (
    <>
      {parts}
      {text.slice(at)}
    </>
  )
}

function drawChunk({ lines, first, find, found, linked }: ChunkProps) {
  const { path, query } = current()
  const others = Object.fromEntries([...query].filter(([key]) => key !== 'line'))
  return (
    <ol class="chunk" start={first + 1} style={{ containIntrinsicSize: 'auto ' + lines.length * 1.25 + 'rem' }}>
      {lines.map((line, i) => {
        const n = first + i + 1
        const name = n === linked ? 'linked' : n - 1 === found ? 'found' : undefined
        return (
          <li id={'L' + n} class={name}>
            <a
              class="number"
              href={address(path, { ...others, line: String(n) })}
              aria-label={'Line ' + n}
              tabIndex={-1}
              onClick={(event) => {
                event.preventDefault()
                go(path, { ...others, line: String(n) }, true)
              }}
            >
              {n}
            </a>
            <span class="text">
              {pieces(line.text).map((p) => (
                <span class={p.class || undefined}>
                  <Marked text={p.text} find={find} />
                </span>
              ))}
            </span>
          </li>
        )
      })}
    </ol>
  )
}

class Chunk extends Component<ChunkProps> {
  override shouldComponentUpdate(next: ChunkProps) {
    const { lines, find, found, linked } = this.props
    return lines.length !== next.lines.length || lines[0] !== next.lines[0] || find !== next.find || found !== next.found || linked !== next.linked
  }
  override render(props: ChunkProps) {
    return drawChunk(props)
  }
}

export function Log({ lines, name, live }: { lines: Line[]; name: string; live: boolean }) {
  const { query } = useRoute()
  const linked = Number(query.get('line') ?? 0)
  const [search, setSearch] = useState('')
  const [at, setAt] = useState(0)
  const [all, showAll] = useState(false)
  const [follow, setFollow] = useState(!linked)
  const box = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const find = search.toLowerCase()
  const matches = useMemo(() => {
    if (!find) return []
    return lines.flatMap((line, i) => (plain(line.text).toLowerCase().includes(find) ? [i] : []))
  }, [find, lines])
  const left = all ? 0 : Math.max(0, Math.floor((lines.length - most) / chunk) * chunk)
  const found = matches.length ? matches[Math.min(at, matches.length - 1)]! : -1

  // Chunks get their height when they are first seen, so that the end moves.
  useEffect(() => {
    const pin = () => box.current && (box.current.scrollTop = box.current.scrollHeight)
    if (!follow || !content.current) return
    pin()
    const observer = new ResizeObserver(pin)
    observer.observe(content.current)
    return () => observer.disconnect()
  }, [follow, lines.length > 0])
  useEffect(() => {
    if (!linked || linked > lines.length) return
    if (linked <= left) showAll(true)
    document.getElementById('L' + linked)?.scrollIntoView({ block: 'center' })
  }, [linked, lines.length >= linked, left])
  useEffect(() => {
    if (found < 0) return
    setFollow(false)
    if (found < left) showAll(true)
    document.getElementById('L' + (found + 1))?.scrollIntoView({ block: 'center' })
  }, [found, left])

  const step = (by: number) => setAt((matches.length + Math.min(at, matches.length - 1) + by) % Math.max(1, matches.length))
  const chunks = []
  let next = 0
  for (let first = left; first < lines.length; first += chunk) {
    const part = lines.slice(first, first + chunk)
    const within = (n: number) => (n >= first && n < first + chunk ? n : -1)
    // A chunk in which nothing is found is not drawn again.
    while (next < matches.length && matches[next]! < first) next++
    const here = next < matches.length && matches[next]! < first + chunk
    chunks.push(<Chunk key={first} lines={part} first={first} find={here ? find : ''} found={within(found)} linked={within(linked - 1) + 1} />)
  }
  return (
    <section class="logs" aria-label={'Log of ' + name}>
      <div class="tools">
        <label class="search">
          <span class="hidden">Search the log</span>
          <input
            type="search"
            placeholder="Search the log  /"
            value={search}
            data-search
            onInput={(event) => {
              setSearch(event.currentTarget.value)
              setAt(0)
            }}
            onKeyDown={(event) => {
              if (event.key === 'Enter') step(event.shiftKey ? -1 : 1)
            }}
          />
        </label>
        <span class="quiet" role="status">
          {find ? (matches.length ? `${Math.min(at, matches.length - 1) + 1} of ${plural(matches.length, 'line')}` : 'nothing found') : plural(lines.length, 'line')}
        </span>
        {matches.length > 1 && (
          <>
            <button type="button" onClick={() => step(-1)}>
              Previous
            </button>
            <button type="button" onClick={() => step(1)}>
              Next
            </button>
          </>
        )}
        <label class="check">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />
          Follow
        </label>
      </div>
      {lines.length === 0 ? (
        <Empty>{live ? 'Nothing has been written yet.' : 'The log is empty.'}</Empty>
      ) : (
        <div
          class={lines.length > 2 * chunk ? 'log long' : 'log'}
          ref={box}
          tabIndex={0}
          role="region"
          aria-label={'Lines of ' + name}
          onWheel={(event) => event.deltaY < 0 && setFollow(false)}
          onTouchMove={() => setFollow(false)}
          onKeyDown={(event) => ['ArrowUp', 'PageUp', 'Home'].includes(event.key) && setFollow(false)}
        >
          {left > 0 && (
            <button type="button" onClick={() => showAll(true)}>
              Show the {plural(left, 'line')} before
            </button>
          )}
          <div ref={content}>{chunks}</div>
        </div>
      )}
    </section>
  )
}
