// Looks at pages in headless Chromium, as people meet them, and with axe.
// Reads a request from standard input, and writes what is wrong to standard output.

import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const { browser: executablePath, axe, pages } = JSON.parse(readFileSync(0, 'utf8'));
const problems = [];

// As people meet a page: on a desk, in the dark on a phone, and on paper.
const WAYS = [
  { way: 'desk', colorScheme: 'light', width: 1280, media: 'screen' },
  { way: 'phone, dark', colorScheme: 'dark', width: 390, media: 'screen' },
  { way: 'paper', colorScheme: 'light', width: 700, media: 'print' },
];

if (pages.length > 0) {
  // Without these Chromium looks for hosts of its own. A container's root has no sandbox for it.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
  const browser = await chromium.launch({ executablePath, args: [...args, '--disable-component-update', '--disable-sync'] });
  const engine = readFileSync(axe, 'utf8');
  const context = await browser.newContext();
  await Promise.all(pages.map(async (file) => {
    // One document, met in all ways: whoever turns a phone or prints a page does not load it again.
    const page = await context.newPage();
    let way = 'loading';
    const told = (what) => problems.push(`${file} (${way}): ${what}`);
    page.on('console', (message) => told(`the console says: ${message.text()}`));
    page.on('pageerror', (error) => told(`${error}`));
    page.on('request', (request) => {
      if (!request.url().startsWith('file:')) told(`it asks for ${request.url()}`);
    });
    await page.goto(`file://${file}`);
    // The engine is evaluated by the driver, past the page's policy.
    await page.evaluate(engine);
    for (const { way: now, colorScheme, width, media } of WAYS) {
      way = now;
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ media, colorScheme });
      const seen = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        room: window.innerWidth,
        scripts: document.scripts.length,
        // Its own style is allowed by a hash: if that is wrong, there is none.
        styled: getComputedStyle(document.body).marginTop === '0px',
        figures: document.querySelectorAll('svg[role=img] > title + desc').length,
        drawings: document.querySelectorAll('svg').length,
      }));
      if (seen.wide > seen.room) told(`it is ${seen.wide} pixels wide where there are ${seen.room}`);
      if (seen.scripts > 0) told('it has a script');
      if (!seen.styled) told('its style does not apply');
      if (seen.figures !== seen.drawings) told('a figure has no words');
      if (media === 'print') {
        for (const format of ['A4', 'Letter']) await page.pdf({ format });
      } else {
        // What is right of a page is most of what it finds, and is not handed over.
        const only = { resultTypes: ['violations'] };
        const violations = await page.evaluate(async (only) => (await window.axe.run(document, only)).violations, only);
        violations.forEach(({ id, help, nodes }) => told(`${id}: ${help}: ${nodes[0].html.slice(0, 200)}`));
      }
    }
    await page.close();
  }));
  await browser.close();
}

console.log(JSON.stringify({ problems, looked: pages.length }));
