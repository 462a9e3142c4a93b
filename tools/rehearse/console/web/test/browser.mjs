// Uses the console in a browser, as a person does. The Go test that starts it gives the
// worlds as JSON in WORLDS, and reads a line of JSON for each scenario.
import { readFileSync, writeFileSync, rmSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const worlds = JSON.parse(process.env.WORLDS)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = process.env.SCREENSHOTS
if (pictures) mkdirSync(pictures, { recursive: true })
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })

const patience = 60_000
const open = (name) => writeFileSync(join(worlds.pipeline.gates, name), '')
const close = (name) => rmSync(join(worlds.pipeline.gates, name))

function must(is, what) {
  if (!is) throw new Error(what)
}

function same(got, want, what) {
  must(got === want, `${what} is ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
}

// A visit is a page of a world's console that notes what must not be.
async function visit(world, path = '', options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  page.wrong = []
  const [base, secret] = world.link.split('#')
  const origin = new URL(base).origin
  page.on('console', (m) => m.type() === 'error' && !/ERR_|Failed to load resource/.test(m.text()) && page.wrong.push(m.text()))
  page.on('pageerror', (e) => page.wrong.push(e.message))
  page.on('request', (r) => {
    const url = r.url()
    if (!url.startsWith(origin + '/') && !url.startsWith('data:') && !url.startsWith('about:')) page.wrong.push('a request to ' + url)
    if (url.split('#')[0].includes(secret)) page.wrong.push('the secret is in the request ' + url)
  })
  await page.goto(base + path + '#' + (options.secret ?? secret))
  return page
}

async function leave(page) {
  const wrong = page.wrong
  await page.context().close()
  must(wrong.length === 0, wrong.join('\n'))
}

const text = (page, what) => page.getByText(what).first().waitFor()
const here = (page) => page.locator('main')
const action = (page, name) => page.locator('a.action', { hasText: name })

const scenarios = []
const scenario = (name, run) => scenarios.push({ name, run })
// with opens a page of a world for a scenario, and closes it.
const at = (world, path, run, options) => async () => {
  const page = await visit(worlds[world], path, options)
  await run(page)
  await leave(page)
}
const pipeline = 'pipeline/shop-pipeline/latest'

scenario('stages and actions are shown while they run', at('pipeline', '', async (page) => {
  await action(page, 'Lint').locator('.status.busy').waitFor()
  await action(page, 'Test').locator('.status.busy').waitFor()
  same(await page.locator('.stage').count(), 4, 'the number of stages')
  same(await action(page, 'Promote').locator('.quiet').last().innerText(), 'not run', 'Promote')
  must((await page.title()).startsWith('InProgress · shop-pipeline'), await page.title())
}))
scenario('a log of thousands of lines streams and is followed', at('pipeline', pipeline + '/Verify/Test', async (page) => {
  await text(page, /^line number 3000 of the tests$/)
  const end = () => page.locator('.log').evaluate((b) => b.scrollHeight - b.scrollTop - b.clientHeight < 40)
  for (let i = 0; !(await end()); i++) {
    must(i < 100, 'the end of the log is not in view')
    await page.waitForTimeout(50)
  }
  must(await page.getByLabel('Follow').isChecked(), 'the log is not followed')
}))
scenario('colours of a log are shown', at('pipeline', pipeline + '/Verify/Lint', async (page) => {
  await page.locator('.log .a1', { hasText: 'red' }).waitFor()
  await page.locator('.log .a2.bold', { hasText: 'green' }).waitFor()
  must(!(await page.locator('.log').innerText()).includes('\x1b'), 'an escape is shown')
}))
scenario('HTML in a log stays text', at('pipeline', pipeline + '/Verify/Lint', async (page) => {
  await page.locator('.log .text', { hasText: '<script>document.title="ran"</script><img src=x onerror=alert(1)>' }).last().waitFor()
  same(await page.locator('.log img, .log script').count(), 0, 'the number of elements from the log')
  must(!(await page.title()).includes('ran'), 'a script ran')
}))
scenario('a log is searched', at('pipeline', pipeline + '/Verify/Test', async (page) => {
  await text(page, /^line number 3000 of the tests$/)
  await page.keyboard.press('/')
  await page.keyboard.type('NUMBER 299')
  await text(page, '1 of 11 lines')
  await page.keyboard.press('Enter')
  await text(page, '2 of 11 lines')
  await page.getByRole('button', { name: 'Previous' }).click()
  await text(page, '1 of 11 lines')
  await page.locator('li.found mark', { hasText: 'number 299' }).waitFor()
  await page.getByLabel('Search the log').fill('no such line')
  await text(page, 'nothing found')
}))
scenario('a line has a link', at('pipeline', pipeline + '/Verify/Test', async (page) => {
  await text(page, /^line number 3000 of the tests$/)
  await page.getByLabel('Search the log').fill('line number 1500 ')
  await page.locator('li.found .number').click()
  must(page.url().includes('line='), page.url())
  await page.reload()
  const line = page.locator('li.linked', { hasText: 'line number 1500 of the tests' })
  await line.waitFor()
  must(await line.evaluate((e) => {
    const box = e.closest('.log').getBoundingClientRect()
    const r = e.getBoundingClientRect()
    return r.top >= box.top && r.bottom <= box.bottom
  }), 'the line is not in view')
}))
scenario('the way into a stage is closed', at('pipeline', '', async (page) => {
  await page.getByRole('button', { name: 'Close the way into Approval' }).click()
  await text(page, 'Closed: closed in the console by Ada <ada@example.com>')
}))
scenario('a failed action is what is seen first', at('pipeline', '', async (page) => {
  open('test.fails')
  open('lint')
  open('test')
  await page.locator('.detail', { hasText: 'Verify/Test' }).getByRole('alert').waitFor()
  await text(page, 'app/x.go:2:7: it fails')
  await page.getByRole('link', { name: /^line \d+ of the log$/ }).click()
  await page.locator('li.linked', { hasText: 'app/x.go:2:7: it fails' }).waitFor()
  must((await page.locator('.detail').innerText()).includes('the same alone: go tool mage test'), 'the command is missing')
}))
scenario('what failed is tried again', at('pipeline', '', async (page) => {
  close('test.fails')
  await page.getByRole('button', { name: 'Retry what failed' }).click()
  await action(page, 'Test').locator('.status.good').waitFor()
}))
scenario('the way into a stage is opened', at('pipeline', '', async (page) => {
  await text(page, '1 waiting')
  await page.getByRole('button', { name: 'Open the way into Approval' }).click()
  await action(page, 'Readiness').locator('.status.busy').waitFor()
  open('readiness')
}))
scenario('an approval has its evidence beside the buttons', at('pipeline', '', async (page) => {
  const box = page.getByRole('region', { name: 'Approval' }).or(page.locator('section.approval')).first()
  await box.getByRole('button', { name: 'Approve' }).waitFor()
  await text(page, 'Take the shop to production?')
  await text(page, 'GO (rehearsal)')
  const tolerated = box.locator('details', { hasText: 'All changes are peer reviewed' })
  must(!(await tolerated.evaluate((e) => e.open)), 'a check that is tolerated is open')
  await tolerated.locator('summary').click()
  await tolerated.locator('p').first().waitFor()
  await text(page, 'It is recorded of Ada <ada@example.com>, arn:aws:iam::000000000000:user/rehearsal.')
  for (const name of ['Readiness page', 'Deployment plan', 'Tests', 'Security findings', 'Coverage']) await box.getByRole('link', { name }).waitFor()
  must(!(await box.innerText()).includes('GO (forged)'), 'a verdict that the tests have left is shown')
}))
const file = (name) => `${pipeline}/Approval/Readiness?artifact=Ready&file=${name}`
scenario('a test report is a table, failures first', at('pipeline', file('junit.xml'), async (page) => {
  await page.getByRole('button', { name: '1 failed' }).waitFor()
  const first = page.locator('main tbody tr').first()
  must((await first.innerText()).includes('TestSell<script>') && (await first.innerText()).includes('<img src=x onerror=alert(1)>'), await first.innerText())
  await page.getByLabel('Search the tests').fill('buy')
  await page.locator('main tbody tr', { hasText: 'TestBuy' }).waitFor()
  same(await page.locator('main tbody tr').count(), 1, 'the number of tests that are found')
  await page.getByRole('button', { name: '1 skipped' }).click()
  await text(page, 'No test has this name.')
}))
scenario('findings have a file and a line', at('pipeline', file('gosec.sarif'), async (page) => {
  await page.locator('.findings', { hasText: 'app/shop.go:12' }).waitFor()
  await text(page, '1 finding, 1 suppressed with a reason')
  must(!(await page.locator('.findings').innerText()).includes('app/run.go'), 'a suppressed finding is shown')
  await page.getByRole('button', { name: 'Show the suppressed' }).click()
  await text(page, 'Suppressed: its own arguments')
}))
scenario('coverage is shown by file', at('pipeline', file('coverage.out'), async (page) => {
  await text(page, '50.0 % of 6 statements in 2 files were run by tests.')
}))
scenario('coverage of changed lines is shown over the source', at('pipeline', file('coverage.out'), async (page) => {
  await text(page, 'Tests run 2 of 3 statements that were added or modified.')
  const source = page.getByRole('region', { name: 'app/shop.go' })
  await source.getByText('1 statement not run').waitFor()
  same(await source.locator('li.missing').innerText(), '9\nnot run:\n\t\treturn 2', 'the line that no test runs')
  same(await source.locator('li.added').count(), 4, 'the number of added lines around it')
}))
scenario('a page that was left is shown in a sandbox', at('pipeline', file('readiness.html'), async (page) => {
  const frame = page.frameLocator('iframe.page')
  await frame.getByText('Ready.').waitFor()
  same(await page.locator('iframe.page').getAttribute('sandbox'), '', 'the sandbox')
  same(await frame.locator('h1').evaluate((e) => getComputedStyle(e).color), 'rgb(18, 101, 43)', 'the colour by its own style')
  same(await frame.locator('title').innerText().catch(() => 'Readiness'), 'Readiness', 'the title of the page')
  // Chromium says that it has blocked the script.
  page.wrong = page.wrong.filter((w) => !/sandbox|Content Security Policy/.test(w))
}))
scenario('the verdict and the plan are shown', at('pipeline', file('readiness.json'), async (page) => {
  await text(page, '1 of 2 checks pass, 0 fail, 1 are unknown; 1 tolerated, 0 waived')
  await text(page, 'The code has no findings')
  await page.locator('.detail').getByRole('link', { name: 'Deployment plan' }).click()
  await text(page, 'One function changes.')
  await page.goBack()
  await text(page, 'The code has no findings')
}))
scenario('files that were passed on are listed apart', at('pipeline', pipeline + '/Approval/Readiness', async (page) => {
  await page.getByText('Passed on from before: 9 files').click()
  await page.locator('aside').getByRole('link', { name: 'Tests' }).click()
  await page.getByRole('button', { name: '1 failed' }).waitFor()
}))
scenario('a release is approved, and who did it is recorded', at('pipeline', '', async (page) => {
  await page.getByLabel('Reason (optional)').fill('seen and tried')
  await page.getByRole('button', { name: 'Approve', exact: true }).click()
  await action(page, 'Promote').locator('.status.busy').waitFor()
  await action(page, 'Approve').click()
  await text(page, 'approved in the console by Ada <ada@example.com>: seen and tried')
}))
scenario('an execution is abandoned', at('pipeline', '', async (page) => {
  await page.getByRole('button', { name: 'Abandon' }).click()
  await page.locator('.top .status.bad', { hasText: 'Stopped' }).waitFor()
  await text(page, 'stopped in the console by Ada <ada@example.com>')
}))
scenario('what exists is listed, searched and linked', at('shop', 'aws', async (page) => {
  await page.locator('.kinds').getByRole('link', { name: 'shop-customers' }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('shop-orders')
  same(await page.locator('.kinds .items li').count(), 1, 'the number of things that are found')
  await page.getByRole('link', { name: 'shop-orders' }).click()
  await text(page, 'VisibilityTimeout')
  await page.getByText('made by').getByRole('link', { name: 'shop' }).click()
  await text(page, 'Events, the newest first')
  await page.getByRole('link', { name: 'shop-errors' }).click()
  await text(page, 'GreaterThanThreshold 5, in 3 of 3 periods')
}))
scenario('a stack shows what changed last, by property', at('shop', 'aws/stack/shop', async (page) => {
  const changed = page.getByRole('region', { name: 'Table: What changed last' })
  const row = changed.getByRole('row').filter({ hasText: 'Environment/Variables/FAULT' })
  await row.waitFor()
  same((await row.getByRole('cell').allTextContents()).join('|'), 'Modify|Function|AWS::Lambda::Function|Environment/Variables/FAULT|none|fail', 'the row')
  await row.getByRole('link', { name: 'Function' }).click()
  await page.getByRole('article', { name: 'shop' }).getByText('function', { exact: true }).waitFor()
}))
scenario('a function leads to its logs', at('shop', 'aws/function/shop', async (page) => {
  await text(page, '10 % to version 2')
  await page.getByRole('link', { name: /\[1\]/ }).first().click()
  await page.locator('.log .text', { hasText: 'START RequestId' }).first().waitFor()
  await page.reload()
  await page.locator('.log .text', { hasText: 'START RequestId' }).first().waitFor()
}))
scenario('messages of a topic stay text', at('shop', 'aws/topic/shop-alarms', async (page) => {
  await text(page, '<b>hello</b>')
  await text(page, "a message <script>document.title='ran'</script>")
  must(!(await page.title()).includes('ran'), 'a script ran')
}))
scenario('requests come with their statements', at('shop', 'aws/requests', async (page) => {
  await page.getByLabel('Search the requests').fill('codedeploy')
  await page.getByLabel('Search the requests').fill('lambda:UpdateAlias')
  await page.locator('.request').first().click()
  await page.locator('.decisions', { hasText: 'lambda:UpdateAlias' }).getByText('by this statement of').first().waitFor()
  await page.getByLabel('Search the requests').fill('DeleteEverything')
  await text(page, 'No request matches.')
  await page.getByRole('button', { name: 'Hold' }).click()
  await page.getByRole('button', { name: 'Go on' }).waitFor()
}))
scenario('a trace leads from an invocation to what the function asked for', at('shop', 'aws/requests', async (page) => {
  await page.getByLabel('Search the requests').fill('lambda:Invoke')
  await page.locator('.request').first().click()
  await page.locator('.decisions').getByRole('button', { name: worlds.shop.trace }).click()
  await text(page, '2 requests of this trace to 2 services')
  same((await page.locator('.request .what').allInnerTexts()).join(), 'lambda:Invoke,dynamodb:PutItem', 'what belongs to the trace')
  same(await page.locator('.request .during').count(), 2, 'the number of bars')
}))
scenario('a request is sent again', at('shop', 'aws/requests', async (page) => {
  await page.getByLabel('Search the requests').fill('PutItem')
  await page.locator('.request').last().click()
  await page.locator('.decisions pre', { hasText: '"TableName": "shop-customers"' }).first().waitFor()
  await page.getByRole('button', { name: 'Send it again as you' }).click()
  await page.getByRole('status').filter({ hasText: 'Answered 200' }).waitFor()
}))
scenario('a canary is shown with what the judge says', at('shop', 'deployment', async (page) => {
  await page.getByRole('img', { name: /^The canary of version 2 over 1: InProgress. FAIL: / }).waitFor()
  await text(page, 'how likely such a difference is')
  await text(page, '10.0 % to version 2, 90.0 % to version 1')
  must(await page.locator('.picture img').evaluate((i) => i.naturalWidth > 600), 'the picture has no width')
  await page.locator('.facts').getByRole('link', { name: 'shop-errors' }).waitFor()
}))
scenario('a deployment is stopped and rolled back', at('shop', 'deployment', async (page) => {
  writeFileSync(join(worlds.shop.gates, 'pass'), '')
  await page.getByRole('button', { name: 'Stop and roll back' }).click()
  await page.getByText('Taken back by').getByRole('link').waitFor()
  await page.getByRole('img', { name: /: Stopped\./ }).waitFor()
}))
scenario('time is paused and goes on', at('pipeline', 'time', async (page) => {
  await page.getByRole('button', { name: 'Pause' }).click()
  await text(page, 'Paused.')
  await page.locator('.now', { hasText: 'paused' }).waitFor()
  const stands = await page.locator('time').getAttribute('datetime')
  await page.getByRole('button', { name: 'Go on' }).click()
  await text(page, 'It runs at normal speed.')
  must((await page.locator('time').getAttribute('datetime')) >= stands, 'time went back')
}))
scenario('time is moved to the next event', at('empty', 'time', async (page) => {
  const now = async () => Date.parse(await page.locator('.clock time').getAttribute('datetime'))
  await text(page, 'The next event is due at')
  await page.getByRole('button', { name: 'Pause' }).click()
  await text(page, 'Paused.')
  const before = await now()
  await page.getByRole('button', { name: 'Step to the next event' }).click()
  await text(page, "Nothing waits for AWS's time.")
  const passed = (await now()) - before
  must(passed > 0 && passed <= 24 * 3600_000, `${passed} ms have passed`)
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByRole('button', { name: 'Pause' }).waitFor()
}))
scenario('the speed is changed, and what makes no sense is refused', at('pipeline', 'time', async (page) => {
  await page.getByLabel('Speed while AWS only waits').fill('99999999')
  await page.getByRole('button', { name: 'Set' }).click()
  await text(page, 'The speed is from 1 to 86400 times.')
  await page.getByLabel('Speed while AWS only waits').fill('120')
  await page.getByRole('button', { name: 'Set' }).click()
  await page.getByText('The speed is from').waitFor({ state: 'detached' })
}))
scenario('a clock that can not be controlled says so', at('shop', 'time', async (page) => {
  await text(page, "This endpoint's clock can't be controlled")
}))
scenario('where there is nothing, it says what will be there', at('empty', '', async (page) => {
  await text(page, 'There is no pipeline yet.')
  await page.keyboard.press('2')
  await text(page, 'CodeDeploy has deployed nothing yet.')
  await page.keyboard.press('3')
  await text(page, 'Nothing exists yet.')
  await page.getByRole('link', { name: 'Requests' }).click()
  await text(page, 'No request has arrived yet.')
  await page.goBack()
  await text(page, 'Nothing exists yet.')
}))
scenario('a link without its secret, or with an old one, says so', async () => {
  const none = await visit(worlds.empty, '', { secret: '' })
  await text(none, 'This link has no secret.')
  await leave(none)
  const old = await visit(worlds.empty, '', { secret: 'OLD' })
  await text(old, 'This link is from an earlier start.')
  await leave(old)
})
scenario('the keyboard is enough', at('shop', '', async (page) => {
  await text(page, 'There is no pipeline yet.')
  await page.keyboard.press('Tab')
  same(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content', 'what is first')
  await page.keyboard.press('Enter')
  same(await page.evaluate(() => document.activeElement.id), 'main', 'where the content begins')
  await page.keyboard.press('3')
  await page.locator('.kinds').waitFor()
  await page.getByRole('link', { name: 'shop-customers' }).focus()
  await page.keyboard.press('Enter')
  await text(page, 'Ada')
}))
scenario('a page prints what it shows', at('pipeline', pipeline + '/Verify/Lint', async (page) => {
  await page.locator('.log .a1').waitFor()
  await page.emulateMedia({ media: 'print' })
  must(!(await page.locator('.bar').isVisible()), 'the bar is printed')
  must(await page.locator('.log').evaluate((b) => b.scrollHeight <= b.clientHeight + 1), 'the log is cut off')
}))
scenario('a lost connection is said, and what is known stays', at('lost', 'aws', async (page) => {
  await text(page, 'Nothing exists yet.')
  writeFileSync(join(worlds.lost.gates, 'close'), '')
  await page.getByRole('alert').filter({ hasText: 'The connection is lost' }).waitFor()
  await text(page, 'Nothing exists yet.')
}))

// Each view in both colour schemes, and at three widths.
const views = {
  pipeline: ['pipeline', ''],
  tests: ['pipeline', file('junit.xml')],
  coverage: ['pipeline', file('coverage.out')],
  deployment: ['shop', 'deployment'],
  things: ['shop', 'aws'],
  stack: ['shop', 'aws/stack/shop'],
  function: ['shop', 'aws/function/shop'],
  requests: ['shop', 'aws/requests'],
  trace: ['shop', 'aws/requests/' + worlds.shop.trace],
  time: ['pipeline', 'time'],
  empty: ['empty', ''],
}
for (const [name, [world, path]] of Object.entries(views)) {
  scenario(`axe finds nothing in ${name}, light and dark`, at(world, path, async (page) => {
    await here(page).locator('h1').first().waitFor()
    if (name === 'requests') await page.locator('.request').first().click()
    await page.evaluate(axe)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
      must(violations.length === 0, violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 200)).join(' | ')}`).join('\n'))
      if (pictures) await page.screenshot({ path: join(pictures, `${name}-1280-${colorScheme}.png`), fullPage: name !== 'requests' })
    }
  }, { reducedMotion: 'reduce' }))
  scenario(`${name} fits from 390 to 2560 pixels`, at(world, path, async (page) => {
    await here(page).locator('h1').first().waitFor()
    for (const width of [390, 768, 1280, 2560]) {
      await page.setViewportSize({ width, height: 900 })
      await page.waitForTimeout(150)
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      must(over <= 0, `at ${width} pixels it is ${over} too wide`)
      if (pictures && width !== 768 && width !== 1280) await page.screenshot({ path: join(pictures, `${name}-${width}.png`), fullPage: name !== 'requests' })
    }
  }))
}

// The page of the releases is no part of the console. It is the same design.
scenario('axe finds nothing in the releases, which fit from 390 to 2560 pixels, closed and opened', async () => {
  const context = await browser.newContext({ reducedMotion: 'reduce' })
  const page = await context.newPage()
  await page.setContent(process.env.RELEASES)
  await page.evaluate(axe)
  for (const opened of [false, true]) {
    await page.evaluate((opened) => document.querySelectorAll('details').forEach((d) => (d.open = opened)), opened)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      for (const width of [390, 1280, 2560]) {
        await page.setViewportSize({ width, height: 900 })
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        must(over <= 0, `at ${width} pixels it is ${over} too wide`)
        if (pictures && opened) await page.screenshot({ path: join(pictures, `releases-${width}-${colorScheme}.png`), fullPage: true })
      }
      const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
      must(violations.length === 0, violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 200)).join(' | ')}`).join('\n'))
    }
  }
  await context.close()
})

const only = process.env.ONLY && new RegExp(process.env.ONLY)
for (const { name, run } of scenarios) {
  if (only && !only.test(name)) continue
  const began = performance.now()
  let error
  try {
    await run()
  } catch (e) {
    error = e.message
  }
  console.log(JSON.stringify({ name, error, seconds: (performance.now() - began) / 1000 }))
}
await browser.close()
