// The order of the measurements, and what is made of their figures.
import fs from 'node:fs';
import os from 'node:os';
import { build } from '../system/harness.mjs';
import { measureCallbacks } from './callbacks.mjs';
import { measureGroups } from './groups.mjs';
import { measureKf } from './kf.mjs';
import { measureFirstText, measureHello, measureSize, measureStart, measureStreams } from './others.mjs';
import { openStage } from './stage.mjs';

const parts = { size: measureSize, start: measureStart, callbacks: measureCallbacks, hello: measureHello, first: measureFirstText, streams: measureStreams, groups: measureGroups, kf: measureKf };
const whole = { pairs: 5, callbacks: 20_000, gets: 40_000, samples: 200, streams: 1000, starts: 9, groups: 2000, messages: 1000 };
const quick = { pairs: 2, callbacks: 8000, gets: 10_000, samples: 40, streams: 1000, starts: 3, groups: 300, messages: 200 };

const say = (text) => process.stderr.write(`${text}\n`);

function judged({ name, figure, unit, reference = null, ratio = null, at_least, below, aim }) {
	const value = ratio ?? figure;
	const ok = at_least === undefined ? value < below : value >= at_least;
	const budget = (at_least === undefined ? `< ${below}` : `>= ${at_least}`) + (aim ? ` (aim ${aim})` : '');
	const round = (number) => number === null ? null : Number(number.toPrecision(4));
	return { name, figure: round(figure), unit, reference: round(reference), ratio: round(ratio), budget, ok };
}

function table(results) {
	const shown = (number) => number === null ? '' : number >= 1000 ? Math.round(number).toLocaleString('en') : String(Number(number.toPrecision(3)));
	const rows = [['', 'figure', '', 'reference', 'ratio', 'budget', ''],
		...results.map((r) => [r.name, shown(r.figure), r.unit, shown(r.reference), shown(r.ratio), r.budget, r.ok ? 'ok' : 'NOT KEPT'])];
	const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
	const right = [1, 3, 4];
	return rows.map((row) => row.map((cell, i) => right.includes(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])).join('  ').trimEnd()).join('\n');
}

function machine() {
	const memory = Math.round(os.totalmem() / 2 ** 30);
	return `${os.cpus().length} × ${os.cpus()[0].model.trim()}, ${memory} GiB, Linux ${os.release()}, node ${process.version}, load before ${os.loadavg()[0].toFixed(1)}`;
}

export async function main(args) {
	const sizes = args.includes('quick') ? quick : whole;
	const wanted = args.filter((arg) => arg !== 'quick');
	const unknown = wanted.filter((name) => !parts[name]);
	const results = [];
	const head = machine();

	if (unknown.length) {
		say(`there is no part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
		return 2;
	}
	const stage = await openStage(process.env.STATE);
	process.once('SIGINT', () => process.kill(process.pid, 'SIGTERM'));
	process.prependOnceListener('SIGTERM', () => stage.remove());
	try {
		for (const name of wanted.length ? wanted : Object.keys(parts))
			results.push(...(await parts[name](stage, { ...sizes, say })).map(judged));
	} finally {
		await stage.stop();
		stage.remove();
	}
	console.log(`\n${head}\n\n${table(results)}\n`);
	fs.writeFileSync(`${build}/bench.json`, `${JSON.stringify(results, null, '\t')}\n`);
	return results.every((r) => r.ok) ? 0 : 1;
}
