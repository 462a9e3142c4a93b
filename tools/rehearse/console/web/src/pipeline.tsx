// The pipeline: its stages and actions, the log of each, and the approval.
import { useEffect, useState } from 'preact/hooks'
import { post, useAsked, useClock, useLog, useTopic } from './server'
import { go, Link, useRoute } from './route'
import { Log } from './log'
import { FileView, Files, verdictFile, VerdictView } from './artifact'
import { Do, Empty, isFailed, short, span, Status, time, tone, Trouble } from './parts'
import type { About, Action, Artifact, Document, Execution, Pipeline, Stage, Summary } from './types'

export function PipelineView() {
  const { path } = useRoute()
  const list = useTopic<Summary[]>({ kind: 'pipelines' })
  const names = isFailed(list) ? [] : (list ?? [])
  const name = path[1] ?? names[0]?.name
  if (!list) return <p class="quiet">Connecting …</p>
  if (!name) {
    return (
      <>
        <h1>Pipeline</h1>
        <Empty>
          There is no pipeline yet. A rehearsal deploys one in its first minute; with <code>mage local</code>, deploy a stack that has one.
        </Empty>
      </>
    )
  }
  return (
    <>
      {names.length > 1 && (
        <nav class="tabs" aria-label="Pipelines">
          {names.map((p) => (
            <Link to={['pipeline', p.name]} current={p.name === name}>
              {p.name} {p.status && <Status of={p.status} />}
            </Link>
          ))}
        </nav>
      )}
      <OnePipeline name={name} execution={path[2] === 'latest' ? '' : (path[2] ?? '')} stage={path[3]} action={path[4]} />
    </>
  )
}

function OnePipeline({ name, execution, stage, action }: { name: string; execution: string; stage?: string; action?: string }) {
  const p = useTopic<Pipeline>({ kind: 'pipeline', name, id: execution })
  const running = p && !isFailed(p) ? p.executions.find((e) => e.id === p.execution) : undefined
  useEffect(() => {
    document.title = (running ? running.status + ' · ' : '') + name + ' · Magewright console'
  }, [running?.status, name])
  if (!p) return <p class="quiet">Reading the pipeline …</p>
  if (isFailed(p)) return <Trouble>{p.error}</Trouble>
  const at = execution || 'latest'
  const actions = p.stages.flatMap((s) => s.actions.map((a) => ({ stage: s, action: a })))
  const chosen = actions.find((x) => x.stage.name === stage && x.action.name === action)
  const waiting = actions.find((x) => x.action.approval?.token && x.action.status === 'InProgress')
  const failed = actions.find((x) => x.action.status === 'Failed')
  const shown = chosen ?? failed ?? actions.find((x) => x.action.status === 'InProgress' && x.action.log) ?? [...actions].reverse().find((x) => x.action.log)
  return (
    <>
      <header class="top">
        <h1>{name}</h1>
        {running && <Head of={running} name={name} />}
        <Executions all={p.executions} name={name} shown={p.execution} />
      </header>
      {waiting && <Approve pipeline={p} stage={waiting.stage} action={waiting.action} />}
      <Graph p={p} at={at} chosen={shown?.action.id ? shown.stage.name + '/' + shown.action.name : ''} />
      {shown ? <ActionView key={shown.action.id} p={p} at={at} stage={shown.stage} action={shown.action} /> : <Empty>Nothing has run yet.</Empty>}
    </>
  )
}

function Head({ of, name }: { of: Execution; name: string }) {
  const live = of.status === 'InProgress'
  return (
    <div class="head">
      <Status of={of.status} /> {of.kind === 'ROLLBACK' && <strong>Rollback</strong>}
      <span>
        {of.commit && <code>{short(of.commit)}</code>} {of.subject}
      </span>
      <span class="quiet">
        began {time(of.started)}, AWS's time{of.reason && '; ' + of.reason}
      </span>
      {live && (
        <span class="buttons">
          <Do act={() => post('stop', { pipeline: name, execution: of.id, abandon: false })}>Stop after these actions</Do>
          <Do kind="danger" act={() => post('stop', { pipeline: name, execution: of.id, abandon: true })}>
            Abandon
          </Do>
        </span>
      )}
    </div>
  )
}

function Executions({ all, name, shown }: { all: Execution[]; name: string; shown: string }) {
  if (all.length < 2) return null
  return (
    <label class="pick">
      Execution{' '}
      <select value={shown} onChange={(event) => go(['pipeline', name, event.currentTarget.value === all[0]?.id ? 'latest' : event.currentTarget.value])}>
        {all.map((e) => (
          <option value={e.id}>
            {time(e.started)} {e.status} {e.kind === 'ROLLBACK' ? 'rollback ' : ''}
            {e.commit ? short(e.commit) : e.id.slice(0, 8)}
          </option>
        ))}
      </select>
    </label>
  )
}

function Graph({ p, at, chosen }: { p: Pipeline; at: string; chosen: string }) {
  return (
    <ol class="graph" aria-label="Stages">
      {p.stages.map((s, i) => (
        <li class="stage">
          {i > 0 && <Transition p={p} s={s} />}
          <section class={'card ' + tone(s.status)} aria-label={s.name}>
            <h2>
              {s.name} {s.retryable && p.latest && <Retry p={p} s={s} />}
            </h2>
            <Steps p={p} s={s} at={at} chosen={chosen} />
            {s.other && (
              <p class="other">
                <Link to={['pipeline', p.name, s.other]}>Execution {s.other.slice(0, 8)}</Link> is in this stage
                {s.waiting?.includes(p.execution) && ', and this one waits'}.
              </p>
            )}
          </section>
        </li>
      ))}
    </ol>
  )
}

// Actions of one order run side by side.
function Steps({ p, s, at, chosen }: { p: Pipeline; s: Stage; at: string; chosen: string }) {
  const { now } = useClock()
  const orders = [...new Set(s.actions.map((a) => a.order))].sort((a, b) => a - b)
  return (
    <ol class="steps">
      {orders.map((order) => (
        <li>
          <ul>
            {s.actions
              .filter((a) => a.order === order)
              .map((a) => (
                <li>
                  <Link to={['pipeline', p.name, at, s.name, a.name]} class="action" current={chosen === s.name + '/' + a.name}>
                    <Status of={a.status} words={a.name} />
                    <span class="quiet">{a.status === 'NotStarted' ? 'not run' : took(a, now)}</span>
                  </Link>
                </li>
              ))}
          </ul>
        </li>
      ))}
    </ol>
  )
}

function took(a: Action, now: number): string {
  if (!a.started) return ''
  const end = a.status === 'InProgress' ? now : Date.parse(a.updated ?? a.started)
  return end ? span(end - Date.parse(a.started)) : ''
}

function Transition({ p, s }: { p: Pipeline; s: Stage }) {
  const { enabled, reason } = s.transition
  return (
    <div class={'transition' + (enabled ? '' : ' closed')}>
      <span aria-hidden="true" class="arrow">
        {enabled ? '→' : '⊘'}
      </span>
      {!enabled && (
        <span class="why">
          Closed{reason && ': ' + reason}
          {s.waiting && s.waiting.length > 0 && '; ' + s.waiting.length + ' waiting'}
        </span>
      )}
      <Do kind="small" act={() => post('transition', { pipeline: p.name, stage: s.name, enable: !enabled })}>
        {enabled ? 'Close' : 'Open'}
        <span class="hidden"> the way into {s.name}</span>
      </Do>
    </div>
  )
}

function Retry({ p, s }: { p: Pipeline; s: Stage }) {
  return (
    <span class="buttons">
      <Do kind="small" act={() => post('retry', { pipeline: p.name, stage: s.name, execution: p.execution, all: false })}>
        Retry what failed
      </Do>
      <Do kind="small" act={() => post('retry', { pipeline: p.name, stage: s.name, execution: p.execution, all: true })}>
        Retry all
      </Do>
    </span>
  )
}

function ActionView({ p, at, stage, action }: { p: Pipeline; at: string; stage: Stage; action: Action }) {
  const { query } = useRoute()
  const lines = useLog(action.log)
  const { now } = useClock()
  const name = stage.name + '/' + action.name
  const path = ['pipeline', p.name, at, stage.name, action.name]
  const file = query.get('file')
  const artifact = query.get('artifact')
  const where = { pipeline: p.name, execution: p.execution, action: action.id ?? '' }
  return (
    <article class="detail" aria-label={name}>
      <header class="head">
        <h2>{name}</h2>
        <Status of={action.status} /> <span class="quiet">{took(action, now)}</span>
        {action.command && (
          <span>
            the same alone: <code>{action.command}</code>
          </span>
        )}
        {action.by && <span class="quiet">by {action.by}</span>}
      </header>
      {action.error && <Trouble>{action.error}</Trouble>}
      {action.first && (
        <section aria-label="First error">
          <h3>
            First error, <Link to={path} query={{ line: String(action.first.line) }}>line {action.first.line} of the log</Link>
          </h3>
          <pre>{action.first.text}</pre>
        </section>
      )}
      {action.summary && action.summary !== action.error && <p>{action.summary}</p>}
      <div class={action.artifacts?.length ? 'sides' : ''}>
        <div>
          {action.log && (
            <nav class="tabs" aria-label="Of this action">
              <Link to={path} current={!file}>
                Log
              </Link>
              {file && (
                <Link to={path} query={{ artifact: artifact ?? '', file }} current>
                  {file}
                </Link>
              )}
            </nav>
          )}
          {file && artifact ? (
            <FileView where={where} artifact={artifact} file={file} />
          ) : action.log ? (
            <Log lines={lines} name={name} live={action.status === 'InProgress'} />
          ) : (
            <Empty>{action.status === 'NotStarted' ? 'It has not run.' : 'This action is not a build, so it has no log.'}</Empty>
          )}
        </div>
        {action.artifacts && action.artifacts.length > 0 && (
          <aside aria-label="What it left">
            <h3>What it left</h3>
            <Files where={where} path={path} />
          </aside>
        )}
      </div>
    </article>
  )
}

// Approve shows an approval with its evidence beside the buttons.
function Approve({ pipeline, stage, action }: { pipeline: Pipeline; stage: Stage; action: Action }) {
  const about = useTopic<About>({ kind: 'about' })
  const [note, write] = useState('')
  const before = pipeline.stages.flatMap((s) => s.actions.map((a) => ({ stage: s, action: a })))
  const here = before.findIndex((x) => x.action.id === action.id)
  const source = before.slice(0, here).reverse().find((x) => x.action.status === 'Succeeded' && x.action.artifacts?.length && x.action.log)
  const answer = (approve: boolean) =>
    post('approve', { pipeline: pipeline.name, stage: stage.name, action: action.name, token: action.approval?.token, summary: note, approve })
  return (
    <section class="approval" aria-label="Approval">
      <div class="evidence">
        <h2>
          {stage.name}/{action.name} waits for you
        </h2>
        {action.approval?.text && <p class="said">{action.approval.text}</p>}
        {source ? <Evidence pipeline={pipeline} stage={source.stage} action={source.action} /> : <Empty>No action before it has left evidence.</Empty>}
      </div>
      <form class="decide" onSubmit={(event) => event.preventDefault()}>
        <label>
          Reason (optional)
          <textarea rows={3} maxLength={300} value={note} onInput={(event) => write(event.currentTarget.value)} />
        </label>
        <div class="buttons">
          <Do kind="go" act={() => answer(true)}>
            Approve
          </Do>
          <Do kind="danger" act={() => answer(false)}>
            Reject
          </Do>
        </div>
        {about && (
          <p class="quiet">
            It is recorded of {about.person || 'the user of this console'}, {about.user}.
          </p>
        )}
      </form>
    </section>
  )
}

function Evidence({ pipeline, stage, action }: { pipeline: Pipeline; stage: Stage; action: Action }) {
  const where = { pipeline: pipeline.name, execution: pipeline.execution, action: action.id ?? '' }
  const { value, error } = useAsked<Artifact[]>('artifact', where)
  const found = value?.flatMap((a) => a.files.filter((f) => f.name === verdictFile).map((f) => ({ artifact: a.name, file: f.name })))[0]
  const document = useAsked<Document>(found ? 'file' : null, { ...where, artifact: found?.artifact ?? '', file: found?.file ?? '' })
  if (error) return <Trouble>{error}</Trouble>
  if (!value) return <p class="quiet">Reading the evidence …</p>
  return (
    <>
      {document.error && <Trouble>{document.error}</Trouble>}
      {document.value?.verdict && <VerdictView of={document.value.verdict} brief />}
      {!found && <Trouble>There is no verdict of readiness among what {stage.name + '/' + action.name} has left.</Trouble>}
      <h3>Evidence of {stage.name + '/' + action.name}</h3>
      <Files where={where} path={['pipeline', pipeline.name, 'latest', stage.name, action.name]} all />
    </>
  )
}
