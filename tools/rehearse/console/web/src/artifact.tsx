// What an action has left, shown as what it is.
import { useState } from 'preact/hooks'
import { useAsked } from './server'
import { Link, useRoute } from './route'
import { Empty, plural, short, size, Status, Trouble } from './parts'
import type { Artifact, Case, Document, Finding, Outcome, Patch, Verdict } from './types'

// verdictFile is the one that readiness leaves.
export const verdictFile = 'readiness.json'

// Files that somebody opens first, and what they are. They are known by their whole
// names: a file elsewhere that ends alike may be of anybody.
const known: Record<string, string> = {
  [verdictFile]: 'Verdict',
  'readiness.html': 'Readiness page',
  'plan.md': 'Deployment plan',
  'junit.xml': 'Tests',
  'gosec.sarif': 'Security findings',
  'coverage.out': 'Coverage',
}
const order = Object.keys(known)

const base = (name: string) => name.slice(name.lastIndexOf('/') + 1)

type Where = { pipeline: string; execution: string; action: string }

export const asked = (w: Where): Record<string, string> => ({ pipeline: w.pipeline, execution: w.execution, action: w.action })

// Files lists what an action has left. The path is the action's own.
export function Files({ where, path, all }: { where: Where; path: string[]; all?: boolean }) {
  const { value, error } = useAsked<Artifact[]>('artifact', asked(where))
  const { query } = useRoute()
  if (error) return <Trouble>{error}</Trouble>
  if (!value) return <p class="quiet">Reading what it left …</p>
  const files = value.flatMap((a) => a.files.map((f) => ({ ...f, artifact: a.name })))
  const open = query.get('artifact') + '/' + query.get('file')
  const item = (f: (typeof files)[number]) => (
    <li>
      <Link to={path} query={{ artifact: f.artifact, file: f.name }} current={open === f.artifact + '/' + f.name}>
        {known[f.name] ?? f.name}
      </Link>{' '}
      <span class="quiet">{size(f.size)}</span>
    </li>
  )
  const rank = (name: string) => (order.indexOf(name) + order.length + 1) % (order.length + 1)
  const own = files.filter((f) => all || !f.carried).sort((a, b) => rank(a.name) - rank(b.name))
  const carried = files.filter((f) => !all && f.carried)
  return (
    <>
      {own.length ? <ul class="files">{own.map(item)}</ul> : <p class="quiet">It left no files.</p>}
      {carried.length > 0 && (
        <details>
          <summary>Passed on from before: {plural(carried.length, 'file')}</summary>
          <ul class="files">{carried.map(item)}</ul>
        </details>
      )}
    </>
  )
}

export function FileView({ where, artifact, file }: { where: Where; artifact: string; file: string }) {
  const { value, error } = useAsked<Document>('file', { ...asked(where), artifact, file })
  if (error) return <Trouble>{error}</Trouble>
  if (!value) return <p class="quiet">Reading {file} …</p>
  return (
    <section aria-label={file}>
      <h3>
        {known[file] ?? base(file)} <span class="quiet">{file}</span>
      </h3>
      <Shown of={value} name={file} />
    </section>
  )
}

function Shown({ of, name }: { of: Document; name: string }) {
  switch (of.kind) {
    case 'junit':
      return <Tests suites={of.suites ?? []} />
    case 'sarif':
      return <Findings all={of.findings ?? []} />
    case 'coverage':
      return (
        <>
          {of.patch && <PatchView of={of.patch} />}
          <Coverage files={of.covered ?? []} />
        </>
      )
    case 'verdict':
      return of.verdict ? <VerdictView of={of.verdict} /> : null
    case 'page':
      return (
        <>
          <p class="tools">
            <a href={'/_magewright/page/' + of.page} target="_blank" rel="noopener">
              Open in a new window
            </a>
          </p>
          <iframe class="page" sandbox="" title={name} src={'/_magewright/page/' + of.page} />
        </>
      )
    case 'binary':
      return <Empty>This file is not text.</Empty>
    default:
      return (
        <>
          {of.cut && <p class="quiet">Only the first million characters are shown.</p>}
          <pre class="text" tabIndex={0}>
            {of.text}
          </pre>
        </>
      )
  }
}

function Tests({ suites }: { suites: { name: string; cases: Case[] }[] }) {
  const [find, search] = useState('')
  const [state, only] = useState('')
  const all = suites.flatMap((s) => s.cases.map((c) => ({ ...c, suite: s.name })))
  const count = (s: string) => all.filter((c) => c.state === s).length
  const rank = { failed: 0, skipped: 1, passed: 2 } as Record<string, number>
  const wanted = find.toLowerCase()
  const shown = all
    .filter((c) => (!state || c.state === state) && (c.suite + ' ' + c.name).toLowerCase().includes(wanted))
    .sort((a, b) => rank[a.state]! - rank[b.state]! || b.seconds - a.seconds)
  const most = 500
  return (
    <>
      <div class="tools">
        <label class="search">
          <span class="hidden">Search the tests</span>
          <input type="search" placeholder="Search the tests  /" data-search value={find} onInput={(e) => search(e.currentTarget.value)} />
        </label>
        {(['failed', 'skipped', 'passed'] as const).map((s) => (
          <button type="button" aria-pressed={state === s} onClick={() => only(state === s ? '' : s)}>
            {count(s).toLocaleString('en')} {s}
          </button>
        ))}
      </div>
      {shown.length === 0 && <Empty>No test has this name.</Empty>}
      {shown.length > 0 && (
        <div class="wide" tabIndex={0} role="region" aria-label="Tests">
          <table>
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Test</th>
                <th scope="col" class="number">
                  Seconds
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, most).map((c) => (
                <tr>
                  <td>
                    <Status of={c.state} />
                  </td>
                  <td>
                    <code>{c.name}</code> <span class="quiet">{c.suite}</span>
                    {c.said && <pre>{c.said}</pre>}
                  </td>
                  <td class="number">{c.seconds.toFixed(2)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown.length > most && <p class="quiet">{plural(shown.length - most, 'test')} more: search for them.</p>}
    </>
  )
}

function Findings({ all }: { all: Finding[] }) {
  const [quiet, show] = useState(false)
  const count = all.filter((f) => !f.suppressed).length
  const shown = all.filter((f) => quiet || !f.suppressed)
  return (
    <>
      <div class="tools">
        <span>
          {plural(count, 'finding')}, {all.length - count} suppressed with a reason
        </span>
        {all.length > count && (
          <button type="button" aria-pressed={quiet} onClick={() => show(!quiet)}>
            Show the suppressed
          </button>
        )}
      </div>
      {shown.length === 0 && <Empty>Nothing was found.</Empty>}
      <ul class="findings">
        {shown.map((f) => (
          <li>
            <p>
              <Status of={f.suppressed ? 'suppressed' : f.level} /> <code>{f.file ? f.file + (f.line ? ':' + f.line : '') : 'no file'}</code>{' '}
              <span class="quiet">{f.rule}</span>
            </p>
            <p>{f.text}</p>
            {f.snippet && <pre>{f.snippet}</pre>}
            {f.suppressed && <p class="quiet">Suppressed: {f.suppressed}</p>}
          </li>
        ))}
      </ul>
    </>
  )
}

function Coverage({ files }: { files: { file: string; statements: number; run: number }[] }) {
  const total = files.reduce((t, f) => ({ statements: t.statements + f.statements, run: t.run + f.run }), { statements: 0, run: 0 })
  const percent = (f: { statements: number; run: number }) => (f.statements ? (100 * f.run) / f.statements : 100)
  const worst = [...files].sort((a, b) => b.statements - b.run - (a.statements - a.run))
  return (
    <>
      <p>
        {percent(total).toFixed(1)} % of {plural(total.statements, 'statement')} in {plural(files.length, 'file')} were run by tests.
      </p>
      <div class="wide" tabIndex={0} role="region" aria-label="Coverage by file">
        <table>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col" class="number">
                Not run
              </th>
              <th scope="col" class="number">
                Covered
              </th>
            </tr>
          </thead>
          <tbody>
            {worst.slice(0, 300).map((f) => (
              <tr>
                <td>
                  <code>{f.file}</code>
                </td>
                <td class="number">{f.statements - f.run}</td>
                <td class="number">
                  {percent(f).toFixed(0)} % <meter min={0} max={100} value={percent(f)} aria-label={'covered of ' + f.file} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

function PatchView({ of }: { of: Patch }) {
  if (of.unknown) return <Trouble>What the tests run of this change can't be said: {of.unknown}</Trouble>
  const files = of.files.filter((f) => f.missing > 0)
  return (
    <section aria-label="Changed lines">
      <h3>
        What changed since <code>{short(of.base)}</code>
      </h3>
      {of.statements === 0 ? (
        <p>No statement was added or modified.</p>
      ) : (
        <p>
          Tests run {of.covered.toLocaleString('en')} of {plural(of.statements, 'statement')} that were added or modified.
        </p>
      )}
      {files.map((f) => (
        <section aria-label={f.file}>
          <p>
            <code>{f.file}</code> <Status of="failed" words={plural(f.missing, 'statement') + ' not run'} />
          </p>
          <ol class="source">
            {f.lines?.map((l, i) => (
              <>
                {i > 0 && f.lines![i - 1]!.number !== l.number - 1 && <li class="gap">…</li>}
                <li class={l.missing ? 'missing' : l.added ? 'added' : undefined}>
                  <span class="number">{l.number}</span>
                  <span class="text">
                    {l.missing && <span class="hidden">not run: </span>}
                    {l.text}
                  </span>
                </li>
              </>
            ))}
          </ol>
        </section>
      ))}
    </section>
  )
}

const states = ['FAIL', 'UNKNOWN', 'PASS']

// Check shows a check. In brief, what does not decide is a line until somebody opens it.
function Check({ of: o, brief }: { of: Outcome; brief?: boolean }) {
  const head = (
    <>
      <Status of={o.state} /> <span>{o.title}</span>
      {!o.required && <span class="quiet"> not required</span>}
      {o.tolerated && <span class="quiet"> tolerated</span>}
    </>
  )
  const why = (
    <>
      {(o.reason || o.counted) && <p class="quiet">{[o.counted, o.reason].filter(Boolean).join('; ')}</p>}
      {o.next && <p class="quiet">Next: {o.next}</p>}
    </>
  )
  if (!brief)
    return (
      <>
        {head}
        {why}
      </>
    )
  return (
    <details open={o.required && !o.tolerated}>
      <summary>{head}</summary>
      {why}
    </details>
  )
}

export function VerdictView({ of, brief }: { of: Verdict; brief?: boolean }) {
  const rank = (o: Outcome) => states.indexOf(o.state) + (o.required ? 0 : 10)
  const outcomes = [...of.outcomes].sort((a, b) => rank(a) - rank(b))
  const shown = brief ? outcomes.filter((o) => o.state !== 'PASS') : outcomes
  const count = (state: string) => of.outcomes.filter((o) => o.state === state).length
  return (
    <>
      <p class={'verdict ' + (of.verdict.startsWith('GO') ? 'good' : 'bad')}>
        <strong>{of.verdict}</strong> <code>{short(of.commit)}</code>
        {of.base && (
          <>
            {' '}
            after <code>{short(of.base)}</code>
          </>
        )}
        <span>
          {count('PASS')} of {plural(of.outcomes.length, 'check')} pass, {count('FAIL')} fail, {count('UNKNOWN')} are unknown; {of.tolerated} tolerated,{' '}
          {of.waived} waived
        </span>
      </p>
      {shown.length > 0 && (
        <ul class="outcomes">
          {shown.map((o) => (
            <li>
              <Check of={o} brief={brief} />
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
