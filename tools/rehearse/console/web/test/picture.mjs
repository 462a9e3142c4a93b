// Takes pictures of the console while a rehearsal runs: when it asks for the approval,
// light and dark, and of the canary. It gives the approval. The link is in LINK, and the
// file of the first picture is the argument.
import { chromium } from 'playwright-core'

const [file] = process.argv.slice(2)
const beside = (suffix) => file.replace(/(\.png)?$/, `-${suffix}.png`)
const [base, secret] = process.env.LINK.split('#')
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] })
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' })
page.setDefaultTimeout(30 * 60_000)
const picture = async (colorScheme, path) => {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  await page.screenshot({ path })
}
await page.goto(base + '#' + secret)
await page.getByRole('button', { name: 'Approve', exact: true }).waitFor()
// The evidence comes after the buttons.
await page.locator('.approval').getByRole('link', { name: 'Readiness page' }).waitFor()
await picture('light', file)
await picture('dark', beside('dark'))
await page.getByLabel('Reason (optional)').fill('seen and tried')
await page.getByRole('button', { name: 'Approve', exact: true }).click()
await page.getByRole('button', { name: 'Approve', exact: true }).waitFor({ state: 'detached' })
await page.goto(base + 'deployment#' + secret)
// The judge has something to say after a minute of AWS's, and the console may end a moment
// after the canary.
await page.getByRole('img', { name: /: (InProgress|Succeeded)\. PASS: / }).first().waitFor({ timeout: 10 * 60_000 })
await picture('light', beside('canary'))
await browser.close()
