import { render } from 'preact'
import { useEffect } from 'preact/hooks'
import { retry, secret, useClock, useConnection } from './server'
import { go, Link, useRoute } from './route'
import { PipelineView } from './pipeline'
import { DeploymentView } from './deployment'
import { AWSView } from './aws'
import { TimeView } from './time'
import { Trouble } from './parts'

const views = [
  { name: 'pipeline', title: 'Pipeline', view: PipelineView },
  { name: 'deployment', title: 'Deployment', view: DeploymentView },
  { name: 'aws', title: 'AWS', view: AWSView },
  { name: 'time', title: 'Time', view: TimeView },
]

function App() {
  const { path } = useRoute()
  const state = useConnection()
  const view = views.find((v) => v.name === path[0]) ?? views[0]!
  useEffect(() => {
    if (view.name !== 'pipeline') document.title = view.title + ' · Magewright console'
  }, [view])
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select')) return
      const search = document.querySelector<HTMLElement>('[data-search]')
      if (event.key === '/' && search) {
        event.preventDefault()
        search.focus()
      }
      const chosen = views[Number(event.key) - 1]
      if (chosen) go([chosen.name])
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
  if (!secret() || state === 'refused') return <Locked refused={state === 'refused'} />
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.getElementById('main')?.focus())}>
        Skip to the content
      </a>
      <header class="bar">
        <span class="brand">Magewright</span>
        <nav aria-label="Views">
          {views.map((v) => (
            <Link to={[v.name]} current={v === view}>
              {v.title}
            </Link>
          ))}
        </nav>
        <Now />
      </header>
      {state === 'lost' && (
        <p class="banner" role="alert">
          The connection is lost: the endpoint may have ended. What you see is what was last known.{' '}
          <button type="button" onClick={retry}>
            Try again
          </button>
        </p>
      )}
      <main id="main" tabIndex={-1}>
        <view.view />
      </main>
    </>
  )
}

function Now() {
  const { now, clock } = useClock()
  if (!clock) return null
  return (
    <span class="now quiet">
      AWS's time {new Date(now).toISOString().slice(11, 19)}
      {clock.paused ? ', paused' : clock.rate > 1 ? ', ' + clock.rate + ' times as fast' : ''}
    </span>
  )
}

function Locked({ refused }: { refused: boolean }) {
  return (
    <main id="main" class="locked">
      <h1>Magewright console</h1>
      <Trouble>
        {refused
          ? 'This link is from an earlier start. Use the link that was printed last.'
          : 'This link has no secret. Use the whole link that mage rehearse or mage local printed, including the part after the number sign.'}
      </Trouble>
    </main>
  )
}

render(<App />, document.body)
