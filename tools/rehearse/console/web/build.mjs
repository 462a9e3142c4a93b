// Bundles the front end into ../dist, which is committed: the console is also run from
// the module proxy, where there is no npm. The last argument is another directory.
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const out = resolve(process.argv[2] ?? join(here, '..', 'dist'))
mkdirSync(out, { recursive: true })
await build({
  absWorkingDir: here,
  entryPoints: { app: 'src/main.tsx' },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  charset: 'utf8',
  outdir: out,
})
await build({ absWorkingDir: here, entryPoints: { app: 'src/style.css' }, minify: true, target: 'chrome123', outdir: out })
cpSync(join(here, 'src', 'index.html'), join(out, 'index.html'))
// A test compares it with the sources without npm.
const sum = createHash('sha256')
for (const name of [...readdirSync(join(here, 'src')).sort().map((file) => join('src', file)), 'package-lock.json', 'build.mjs']) {
  sum.update(name + '\0').update(readFileSync(join(here, name))).update('\0')
}
writeFileSync(join(out, 'sources.sha256'), sum.digest('hex') + '\n')
let size = 0
for (const name of ['app.js', 'app.css', 'index.html']) {
  size += gzipSync(readFileSync(join(out, name))).length
}
console.log(`${out}: ${(size / 1000).toFixed(1)} kB gzipped`)
