// The story of customer groups in the browser: the company's groups are synced, a join way is made with its picture, a customer on the phone
// scans it and is attributed, the owner dismisses a group, and the drift report is empty.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { startSystem, waitFor } from '../system/harness.mjs';
import { addPeople, done, launch, openPage, settled, signIn, visit } from './console.mjs';

let system, browser, console_, phone;

before(async () => {
  system = await startSystem({ plugins: ['customer-group'] });
  const passwords = await addPeople(system, ['operator']);
  browser = await launch();
  console_ = await openPage(browser, system);
  phone = await openPage(browser, system);
  await signIn(console_, system, 'the-operator', passwords.operator);
});
after(async () => {
  await browser?.close();
  await system?.stop();
});

const jobs = () => waitFor('all jobs', async () => await system.number("SELECT COUNT(*) FROM job WHERE state <> 3") === 0 &&
  await system.number("SELECT COUNT(*) FROM job WHERE state IN (0, 1, 2)", { schema: 'wecomd_sim' }) === 0, { ms: 30_000 });
const said = async (text) => waitFor(`the phone to say ${text}`, async () => (await phone.page.getByTestId('contact-said').innerText()).includes(text));

test('an owner makes a group on the phone, and the console shows it at once', async () => {
  await phone.page.goto(`${system.url}/phone/?person=zhangsan`);
  await phone.page.locator('[data-testid=contact] summary').click();
  await phone.page.getByTestId('make').click();
  await said('建好了');
  await jobs();
  await visit(console_, system, '/customer/groups');
  const rows = console_.page.locator('#main [data-state=rows]');
  assert.match(await rows.innerText(), /客户群 1/);
  assert.match(await rows.innerText(), /zhangsan/);
  await console_.page.getByTestId('sync').click();
  await jobs();
  await visit(console_, system, '/customer/drift?tab=syncs');
  assert.match(await console_.page.locator('#main [data-state=rows]').innerText(), /完成/);
});

test('a join way is made with its picture, a customer scans it and is attributed to it', async () => {
  const { page } = console_;
  const [[chat]] = await system.sql('SELECT chat_id FROM wecom_customer_group');
  await visit(console_, system, '/customer/join-ways');
  await page.getByTestId('add').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('渠道').fill('展台A');
  await dialog.getByLabel('备注').fill('门口的码');
  await dialog.getByLabel(/群 ID/).fill(chat);
  await dialog.locator('button[type=submit]').click();
  await page.locator('#main [data-state=rows]').getByText('展台A').click();
  const picture = page.getByTestId('qr');
  await picture.waitFor();
  await waitFor('the picture', () => picture.evaluate((img) => img.complete && img.naturalWidth > 100));
  const download = page.waitForEvent('download');
  await page.getByText('下载图片').click();
  assert.match((await download).suggestedFilename(), /^join-way-\d+\.png$/);

  await phone.page.reload();
  await phone.page.locator('[data-testid=contact] summary').click();
  await phone.page.locator('[data-testid=contact] input').fill('王小姐');
  await phone.page.getByTestId('scan').click();
  await said('王小姐 进了“客户群 1”');
  await jobs();
  await visit(console_, system, '/customer/join-ways');
  await page.reload();
  await settled(page);
  const row = page.locator('#main [data-state=rows] tbody tr').first();
  assert.match(await row.innerText(), /展台A[^]*门口的码[^]*有效[^]*1/);
  await page.goto(`${system.url}/admin/#/customer/groups/${encodeURIComponent(chat)}`);
  await settled(page);
  assert.match(await page.locator('#main').innerText(), /王\*\*[^]*扫码[^]*展台A/, 'masked, by QR code, with its channel');
});

test('the owner dismisses the group on the phone, and the drift report is empty', async () => {
  await phone.page.getByTestId('dismiss').first().click();
  await phone.page.getByTestId('dismiss').first().click();
  await said('已解散');
  await jobs();
  await visit(console_, system, '/customer/groups');
  await console_.page.reload();
  await settled(console_.page);
  assert.match(await console_.page.locator('#main [data-state=rows]').innerText(), /已解散/);
  await visit(console_, system, '/customer/drift');
  await console_.page.getByRole('button', { name: '全面核对' }).click();
  await jobs();
  await visit(console_, system, '/customer/drift?tab=report');
  await console_.page.reload();
  await settled(console_.page);
  assert.match(await console_.page.locator('#main').innerText(), /没有发现差异/);
  await done(console_);
  await done(phone);
});
