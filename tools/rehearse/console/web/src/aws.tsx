// What exists in AWS, each thing with what belongs to it, and the requests.
import { useMemo, useState } from 'preact/hooks'
import { post, useAsked, useLog, useRequests, useTopic } from './server'
import { go, Link, useRoute } from './route'
import { Log } from './log'
import { brief, Do, Empty, isFailed, plural, Status, time, Trouble } from './parts'
import type { AWSRequest, Cell, Item, Replayed, Sent, Thing } from './types'

const kinds: Record<string, string> = {
  stack: 'Stacks',
  function: 'Functions',
  alarm: 'Alarms',
  topic: 'Topics',
  queue: 'Queues',
  table: 'Tables',
  parameter: 'Parameters',
  bucket: 'Buckets',
}

export function AWSView() {
  const { path } = useRoute()
  const [, kind, name, more] = path
  return (
    <>
      <h1>AWS</h1>
      <nav class="tabs" aria-label="Of AWS">
        <Link to={['aws']} current={kind !== 'requests'}>
          What exists
        </Link>
        <Link to={['aws', 'requests']} current={kind === 'requests'}>
          Requests
        </Link>
      </nav>
      {kind === 'requests' ? (
        <Requests key={name} caller={name} />
      ) : kind === 'log' && name && more ? (
        <LogOf group={name} stream={more} />
      ) : kind && name ? (
        <OneThing key={kind + name} kind={kind} name={name} />
      ) : (
        <Things />
      )}
    </>
  )
}

function Things() {
  const all = useTopic<Item[]>({ kind: 'things' })
  const [find, search] = useState('')
  if (!all) return <p class="quiet">Connecting …</p>
  if (isFailed(all)) return <Trouble>{all.error}</Trouble>
  if (all.length === 0) return <Empty>Nothing exists yet. What is deployed to this endpoint appears here.</Empty>
  const wanted = find.toLowerCase()
  const shown = all.filter((i) => (i.name + ' ' + i.kind + ' ' + (i.stack ?? '')).toLowerCase().includes(wanted))
  return (
    <>
      <div class="tools">
        <label class="search">
          <span class="hidden">Search what exists</span>
          <input type="search" placeholder="Search what exists  /" data-search value={find} onInput={(e) => search(e.currentTarget.value)} />
        </label>
      </div>
      {shown.length === 0 && <Empty>Nothing has this name.</Empty>}
      <div class="kinds">
        {Object.entries(kinds).map(([kind, title]) => {
          const items = shown.filter((i) => i.kind === kind)
          if (items.length === 0) return null
          return (
            <section class="card" aria-label={title}>
              <h2>
                {title} <span class="quiet">{items.length}</span>
              </h2>
              <ul class="items">
                {items.map((i) => (
                  <li>
                    <Link to={['aws', kind, i.name]}>{i.name}</Link> {i.state && i.state !== 'Active' && i.state !== 'ACTIVE' && <Status of={i.state} />}
                    <p class="quiet">
                      {i.says}
                      {i.says && i.stack && '; '}
                      {i.stack && (
                        <>
                          of <Link to={['aws', 'stack', i.stack]}>{i.stack}</Link>
                        </>
                      )}
                    </p>
                  </li>
                ))}
              </ul>
            </section>
          )
        })}
      </div>
    </>
  )
}

function OneThing({ kind, name }: { kind: string; name: string }) {
  const t = useTopic<Thing>({ kind: 'thing', name: kind, id: name })
  const all = useTopic<Item[]>({ kind: 'things' })
  const stack = isFailed(all) ? undefined : all?.find((i) => i.kind === kind && i.name === name)?.stack
  if (!t) return <p class="quiet">Reading {name} …</p>
  if (isFailed(t)) return <Trouble>{t.error}</Trouble>
  return (
    <article class="detail" aria-label={name}>
      <header class="head">
        <h2>{name}</h2> <span class="quiet">{kind}</span>
        {stack && (
          <span>
            made by <Link to={['aws', 'stack', stack]}>{stack}</Link>
          </span>
        )}
      </header>
      <dl>
        {t.facts.map((f) => (
          <>
            <dt>{f.name}</dt>
            <dd>
              <Shown of={f} />
            </dd>
          </>
        ))}
      </dl>
      {t.tables.map((table) => (
        <section aria-label={table.title}>
          <h3>{table.title}</h3>
          {table.rows.length === 0 ? (
            <p class="quiet">{table.empty}</p>
          ) : (
            <div class="wide" tabIndex={0} role="region" aria-label={'Table: ' + table.title}>
              <table>
                <thead>
                  <tr>
                    {table.columns.map((c) => (
                      <th scope="col">{c}</th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {table.rows.map((row) => (
                    <tr>
                      {row.map((cell) => (
                        <td>
                          <Shown of={cell} />
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </section>
      ))}
    </article>
  )
}

function Shown({ of }: { of: Cell }) {
  if (of.state) return <Status of={of.text} />
  // Short texts are not broken, and long ones get some room.
  const room = { minWidth: Math.min(of.text.length, 24) + 'ch' }
  const text = of.code ? <code style={room}>{of.text}</code> : <span class={of.text.length < 24 ? 'short' : undefined}>{of.text}</span>
  if (of.log) return <Link to={['aws', 'log', of.log.group, of.log.stream]}>{text}</Link>
  if (of.to) return <Link to={['aws', of.to.kind, of.to.name]}>{text}</Link>
  return <>{text}</>
}

function LogOf({ group, stream }: { group: string; stream: string }) {
  const lines = useLog({ group, stream })
  return (
    <article class="detail" aria-label={stream}>
      <h2>{stream}</h2>
      <p class="quiet">{group}</p>
      <Log lines={lines} name={stream} live />
    </article>
  )
}

const callerOf = (r: AWSRequest) => r.caller?.split(':').slice(5).join(':').replace(/^assumed-role\//, '') || r.caller || 'nobody'
const refused = (r: AWSRequest) => (r.status ?? 0) >= 400 || (r.decisions ?? []).some((d) => !d.allowed)

// A trace has the form that X-Ray gives it.
const isTrace = (text: string) => /^1-[0-9a-f]{8}-[0-9a-f]{24}$/.test(text)

// traced puts the requests of a trace into the order in which they began, and says where
// each one is in the time of the trace.
function traced(all: AWSRequest[]) {
  const began = (r: AWSRequest) => Date.parse(r.at)
  const took = (r: AWSRequest) => r.took / 1e6
  const requests = [...all].sort((a, b) => began(a) - began(b) || b.took - a.took || a.number - b.number)
  const start = began(requests[0]!)
  const whole = Math.max(...requests.map((r) => began(r) - start + took(r)), 0.001)
  const share = (ms: number) => (100 * ms) / whole + '%'
  return {
    requests,
    services: new Set(requests.map((r) => r.service)).size,
    took: whole,
    place: (r: AWSRequest) => ({ marginLeft: share(began(r) - start), width: share(took(r)) }),
  }
}

function Requests({ caller }: { caller?: string }) {
  const all = useRequests()
  const [find, search] = useState(caller ?? '')
  const [only, refuse] = useState(false)
  const [held, hold] = useState<AWSRequest[] | null>(null)
  const [open, show] = useState(0)
  const source = held ?? all
  const wanted = find.toLowerCase()
  const shown = useMemo(
    () =>
      source
        .filter((r) => (!only || refused(r)) && (r.service + ':' + r.operation + ' ' + callerOf(r) + ' ' + (r.trace ?? '')).toLowerCase().includes(wanted))
        .reverse(),
    [source, only, wanted],
  )
  const trace = isTrace(find) && shown.length > 0 ? traced(shown) : null
  const most = 200
  return (
    <section aria-label="Requests">
      <div class="tools">
        <label class="search">
          <span class="hidden">Search the requests</span>
          <input type="search" placeholder="Service, operation, caller or trace  /" data-search value={find} onInput={(e) => search(e.currentTarget.value)} />
        </label>
        <button type="button" aria-pressed={only} onClick={() => refuse(!only)}>
          Refused and failed
        </button>
        <button type="button" aria-pressed={held !== null} onClick={() => hold(held ? null : all)}>
          {held ? 'Go on' : 'Hold'}
        </button>
        <span class="quiet" role="status">
          {plural(shown.length, 'request')}
          {trace && ` of this trace to ${plural(trace.services, 'service')}, in ${brief(trace.took)}; the first one comes first`}
        </span>
      </div>
      {shown.length === 0 ? (
        <Empty>{all.length ? 'No request matches.' : 'No request has arrived yet.'}</Empty>
      ) : (
        <ol class="requests">
          {(trace?.requests ?? shown.slice(0, most)).map((r) => (
            <li key={r.number}>
              <button type="button" class="request" aria-expanded={open === r.number} onClick={() => show(open === r.number ? 0 : r.number)}>
                <span class="quiet">{time(r.at)}</span>
                <Status of={refused(r) ? 'Failed' : 'Succeeded'} words={r.inside ? (refused(r) ? 'refused' : 'inside') : String(r.status)} />
                <span class="what">
                  {r.service}:<strong>{r.operation || '?'}</strong>
                </span>
                <span class="who">{callerOf(r)}</span>
                <span class="quiet number">{r.inside ? '' : brief(r.took / 1e6)}</span>
                {trace && <span class="during" aria-hidden="true" style={trace.place(r)} />}
              </button>
              {open === r.number && <RequestView r={r} />}
            </li>
          ))}
        </ol>
      )}
      {!trace && shown.length > most && <p class="quiet">{plural(shown.length - most, 'request')} before: search for them.</p>}
    </section>
  )
}

function RequestView({ r }: { r: AWSRequest }) {
  return (
    <div class="decisions">
      {r.error && <Trouble>{r.error}</Trouble>}
      <dl>
        <dt>Caller</dt>
        <dd>
          <button type="button" class="small" onClick={() => go(['aws', 'requests', callerOf(r).split('/')[0]!])}>
            {r.caller ?? 'nobody'}
          </button>
          {r.inside && ' as whom a service made the call'}
        </dd>
        {r.trace && (
          <>
            <dt>Trace</dt>
            <dd>
              <button type="button" class="small" onClick={() => go(['aws', 'requests', r.trace!])}>
                {r.trace}
              </button>
            </dd>
          </>
        )}
        {r.agent && (
          <>
            <dt>Client</dt>
            <dd class="quiet">{r.agent}</dd>
          </>
        )}
      </dl>
      {!r.inside && <Again number={r.number} />}
      {!r.decisions?.length && <p class="quiet">No policy was evaluated.</p>}
      {r.decisions?.map((d) => (
        <section>
          <p>
            <Status of={d.allowed ? 'passed' : 'failed'} words={d.allowed ? 'allowed' : 'refused'} /> <strong>{d.action}</strong> on{' '}
            <code>{d.resource}</code>
          </p>
          {d.statement ? (
            <>
              <p class="quiet">
                by this statement of <code>{d.policy}</code>
              </p>
              <pre>{pretty(d.statement)}</pre>
            </>
          ) : (
            !d.allowed && d.by && <p class="quiet">no {d.by} allows it</p>
          )}
        </section>
      ))}
    </div>
  )
}

// Again shows what was sent as a request, and sends it once more.
function Again({ number }: { number: number }) {
  const { value, error } = useAsked<Sent>('sent', { number: String(number) })
  const [got, set] = useState<Replayed | null>(null)
  if (error) return <p class="quiet">{error}</p>
  if (!value) return null
  return (
    <section aria-label="Sent">
      <p>
        <strong>
          {value.method} {value.uri}
        </strong>
      </p>
      {value.body && <pre>{pretty(value.body)}</pre>}
      <Do act={async () => set(await post<Replayed>('replay', { number }))}>Send it again as you</Do>
      {got && (
        <div role="status">
          <p>
            <Status of={got.status < 400 ? 'Succeeded' : 'Failed'} words={'Answered ' + got.status} />
          </p>
          {got.body && <pre>{pretty(got.body)}</pre>}
        </div>
      )}
    </section>
  )
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2)
  } catch {
    return json
  }
}
