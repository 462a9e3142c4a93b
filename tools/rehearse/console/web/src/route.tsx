// The address says what is shown: /_magewright/VIEW/PART/...?key=value#SECRET.
import { useEffect, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'

const root = '/_magewright/'

export type Route = { path: string[]; query: URLSearchParams }

export function current(): Route {
  return {
    path: location.pathname.slice(root.length).split('/').filter(Boolean).map(decodeURIComponent),
    query: new URLSearchParams(location.search),
  }
}

export function address(path: string[], query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString()
  return root + path.map(encodeURIComponent).join('/') + (search && '?' + search) + location.hash
}

const listeners = new Set<() => void>()
const changed = () => listeners.forEach((tell) => tell())
addEventListener('popstate', changed)

export function go(path: string[], query: Record<string, string> = {}, replace = false) {
  history[replace ? 'replaceState' : 'pushState'](null, '', address(path, query))
  changed()
}

export function useRoute(): Route {
  const [route, set] = useState(current)
  useEffect(() => {
    const tell = () => set(current())
    listeners.add(tell)
    return () => void listeners.delete(tell)
  }, [])
  return route
}

type Props = {
  to: string[]
  query?: Record<string, string>
  class?: string
  current?: boolean
  label?: string
  children: ComponentChildren
}

export function Link({ to, query = {}, class: name, current: here, label, children }: Props) {
  return (
    <a
      href={address(to, query)}
      class={name}
      aria-label={label}
      aria-current={here ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
        event.preventDefault()
        go(to, query)
      }}
    >
      {children}
    </a>
  )
}
