// AWS's time: how fast it passes, pause, and the next event.
import { useState } from 'preact/hooks'
import { post, useClock } from './server'
import { Do, Empty, span } from './parts'

export function TimeView() {
  const { now, clock } = useClock()
  const [factor, set] = useState('')
  if (!clock) return <p class="quiet">Connecting …</p>
  const at = new Date(now).toISOString()
  return (
    <>
      <h1>Time</h1>
      <section class="card" aria-label="AWS's time">
        <p class="clock">
          <time dateTime={at}>{at.slice(11, 19)}</time> <span class="quiet">{at.slice(0, 10)} UTC, by AWS's clock</span>
        </p>
        <p role="status">{pace(clock)}</p>
        {clock.next && (
          <p>
            The next event is due at {clock.next.slice(11, 19)}, in {span(Date.parse(clock.next) - now)} of AWS's time.
          </p>
        )}
        {!clock.next && <p class="quiet">Nothing waits for AWS's time.</p>}
      </section>
      {clock.factor === undefined ? (
        <Empty>This endpoint's clock can't be controlled: it is not the one of a rehearsal.</Empty>
      ) : (
        <section class="card" aria-label="Control">
          <div class="tools">
            <Do act={() => post('clock', { pause: !clock.paused })}>{clock.paused ? 'Go on' : 'Pause'}</Do>
            <Do act={() => post('clock', { step: true })}>Step to the next event</Do>
          </div>
          <form class="tools" onSubmit={(event) => event.preventDefault()}>
            <label>
              Speed while AWS only waits{' '}
              <input
                type="number"
                min={1}
                max={86400}
                value={factor || String(clock.factor)}
                onInput={(event) => set(event.currentTarget.value)}
              />
            </label>
            <Do
              act={async () => {
                await post('clock', { factor: Number(factor || clock.factor) })
                set('')
              }}
            >
              Set
            </Do>
          </form>
          <p class="quiet">
            While a function or a hook runs, time passes as it does for you. While the clock is paused, canaries, alarms and approvals wait; builds and
            requests go on.
          </p>
        </section>
      )}
    </>
  )
}

function pace(c: { rate: number; factor?: number; paused?: boolean; held?: boolean; busy?: number }): string {
  if (c.paused) return 'Paused.'
  if (c.rate > 1) return `It passes ${c.rate.toLocaleString('en')} times as fast as yours, because AWS only waits.`
  if (c.held && c.busy) return 'It runs at normal speed, because a function is running.'
  return 'It runs at normal speed.'
}
