// Deployments: the canary as it goes, with what the judge makes of it.
import { useEffect, useRef, useState } from 'preact/hooks'
import { post, useTopic } from './server'
import { Link, useRoute } from './route'
import { Do, Empty, isFailed, span, Status, time, Trouble } from './parts'
import type { Deployment, Shift } from './types'

export function DeploymentView() {
  const { path } = useRoute()
  const list = useTopic<Deployment[]>({ kind: 'deployments' })
  if (!list) return <p class="quiet">Connecting …</p>
  if (isFailed(list)) return <Trouble>{list.error}</Trouble>
  // A rollback is of less interest than what it takes back.
  const id = path[1] ?? (list.find((d) => !d.undoes) ?? list[0])?.id
  return (
    <>
      <h1>Deployment</h1>
      {!id && <Empty>CodeDeploy has deployed nothing yet. A rehearsal shifts traffic in its drill and when it promotes.</Empty>}
      {id && <OneShift key={id} id={id} />}
      {list.length > 0 && <List all={list} shown={id!} />}
    </>
  )
}

function List({ all, shown }: { all: Deployment[]; shown: string }) {
  return (
    <section aria-label="All deployments">
      <h2>All deployments, the newest first</h2>
      <div class="wide" tabIndex={0} role="region" aria-label="Table of deployments">
        <table>
          <thead>
            <tr>
              <th scope="col">Deployment</th>
              <th scope="col">Status</th>
              <th scope="col">Versions</th>
              <th scope="col">Began</th>
              <th scope="col">Group</th>
              <th scope="col">Configuration</th>
            </tr>
          </thead>
          <tbody>
            {all.map((d) => (
              <tr>
                <td>
                  <Link to={['deployment', d.id]} current={d.id === shown}>
                    {d.id}
                  </Link>
                </td>
                <td>
                  <Status of={d.status} />
                </td>
                <td>
                  {d.old} → {d.new} {d.undoes && <span class="quiet">rollback</span>}
                </td>
                <td>{time(d.created)}</td>
                <td>{d.group}</td>
                <td>{d.config}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

// The picture is drawn as wide as there is room, in steps.
function useWidth() {
  const box = useRef<HTMLElement>(null)
  const [width, set] = useState(0)
  useEffect(() => {
    if (!box.current) return
    const measure = () => box.current && set(Math.max(320, Math.floor(box.current.clientWidth / 40) * 40))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  return { box, width }
}

function OneShift({ id }: { id: string }) {
  const { box, width } = useWidth()
  const s = useTopic<Shift>(width ? { kind: 'deployment', id, width } : null)
  // Another width is another topic: until it is heard of, the picture before stays.
  const last = useRef<Shift | undefined>(undefined)
  if (s && !isFailed(s)) last.current = s
  const shown = s && isFailed(s) ? undefined : last.current
  return (
    <section class="shift" aria-label={'Deployment ' + id}>
      <figure ref={box} class="picture">
        {s && isFailed(s) && <Trouble>{s.error}</Trouble>}
        {shown?.picture && (
          <img src={'data:image/svg+xml,' + encodeURIComponent(shown.picture)} alt={alternative(shown)} />
        )}
        {shown && !shown.picture && <Empty>No traffic has moved yet.</Empty>}
      </figure>
      {shown && <Details s={shown} />}
    </section>
  )
}

function alternative(s: Shift): string {
  return `The canary of version ${s.new} over ${s.old}: ${s.status}. ${s.judgement ? s.judgement.verdict + ': ' + s.judgement.reasons.join('; ') : (s.unjudged ?? '')}`
}

const percent = (share: number) => (100 * share).toFixed(1) + ' %'

function Details({ s }: { s: Shift }) {
  const live = !s.ended
  return (
    <div class="facts">
      <header class="head">
        <h2>{s.id}</h2>
        <Status of={s.status} />
        {s.undoes && <strong>Rollback</strong>}
        {live && (
          <Do kind="danger" act={() => post('stop-deployment', { deployment: s.id })}>
            Stop and roll back
          </Do>
        )}
      </header>
      {s.error && <Trouble>{s.error}</Trouble>}
      {s.rollback && (
        <p>
          Taken back by <Link to={['deployment', s.rollback]}>{s.rollback}</Link>.
        </p>
      )}
      <dl>
        <dt>Function</dt>
        <dd>
          <Link to={['aws', 'function', s.function]}>{s.function}</Link>, alias {s.alias}
        </dd>
        <dt>{s.ended ? 'Traffic at its end' : 'Traffic now'}</dt>
        <dd>
          {percent(s.weight)} to version {s.new}, {percent(1 - s.weight)} to version {s.old}
        </dd>
      </dl>
      <h3>Judge</h3>
      {s.judgement ? (
        <>
          <p>
            <Status of={s.judgement.verdict} /> {s.judgement.reasons.join('; ')}
          </p>
          <dl>
            <dt>p-value</dt>
            <dd>
              {s.judgement.p.toPrecision(2)}: how likely such a difference is between two versions that are alike. Below {s.limits?.significance} the
              version fails.
            </dd>
            <dt>Could be missed</dt>
            <dd>a rate of errors up to {percent(s.judgement.missed)}, at 95 %</dd>
            {s.limits && (
              <>
                <dt>Limits</dt>
                <dd>
                  {percent(s.limits.maxErrorRate)} errors or HTTP 5xx, p90 {s.limits.maxP90} ms, at least {s.limits.minInvocations} invocations
                </dd>
              </>
            )}
          </dl>
        </>
      ) : (
        <p class="quiet">{s.unjudged ?? 'There is nothing to compare yet.'}</p>
      )}
      {s.versions && (
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col" class="number">
                Invocations
              </th>
              <th scope="col" class="number">
                Errors
              </th>
              <th scope="col" class="number">
                HTTP 5xx
              </th>
              <th scope="col" class="number">
                p90
              </th>
            </tr>
          </thead>
          <tbody>
            {[s.new!, s.old!].map((v) => (
              <tr>
                <th scope="row">
                  {v} {v === s.new ? 'new' : 'old'}
                </th>
                <td class="number">{s.versions![v]?.invocations ?? 0}</td>
                <td class="number">{s.versions![v]?.errors ?? 0}</td>
                <td class="number">{s.versions![v]?.http.invocations ? `${s.versions![v]!.http.errors} of ${s.versions![v]!.http.invocations}` : ''}</td>
                <td class="number">{s.versions![v]?.p90 ? s.versions![v]!.p90.toFixed(0) + ' ms' : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <h3>Alarms</h3>
      {s.alarms.length === 0 && <p class="quiet">No alarm can stop it.</p>}
      <ul class="outcomes">
        {s.alarms.map((a) => (
          <li>
            <Status of={a.state} /> <Link to={['aws', 'alarm', a.name]}>{a.name}</Link>
            {a.state === 'ALARM' && <p class="quiet">{a.reason}</p>}
          </li>
        ))}
      </ul>
      <h3>Lifecycle events and hooks</h3>
      <ol class="outcomes">
        {s.events.map((e) => (
          <li>
            <Status of={e.status} words={e.name} />{' '}
            <span class="quiet">
              {e.status === 'Succeeded' || e.status === 'InProgress' ? '' : e.status + ' '}
              {time(e.started)} {e.started && e.ended && span(Date.parse(e.ended) - Date.parse(e.started))}
            </span>
            {e.message && <p class="quiet">{e.message}</p>}
          </li>
        ))}
      </ol>
    </div>
  )
}
