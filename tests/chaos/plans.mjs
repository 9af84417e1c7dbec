// What make chaos runs, and, at a twentieth of the volume, make test.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { tempFolder } from '../system/harness.mjs';
import { backupFromLast } from './backup.mjs';
import { groupsChaos } from './groups.mjs';
import { kfPlan } from './kf.mjs';
import { faults, fillDisk, killPreferred } from './run.mjs';

const usual = Object.keys(faults).filter((kind) => !kind.includes('clock'));

// A file system of its own, small enough to be filled.
export function smallDisk() {
	const state = tempFolder();
	try {
		execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=640m,mode=755', 'tmpfs', state], { stdio: 'ignore' });
	} catch {
		fs.rmdirSync(state);
		return undefined;
	}
	fs.mkdirSync(path.join(state, 'run'));
	return { state: path.join(state, 'run'), free: () => { execFileSync('umount', [state]); fs.rmdirSync(state); } };
}

export const plans = [
	{ name: 'one node: everything is killed, stopped and cut', nodes: 1, messages: 4000, strikes: 100, kinds: usual },
	{ name: 'two nodes on one database, their clocks apart', nodes: 2, faketime: '+90s', messages: 3000, strikes: 60, kinds: Object.keys(faults) },
	{ name: 'the disk fills up', nodes: 1, messages: 2000, strikes: 10, kinds: ['kill a web child', 'kill a worker child', 'reload'], smallDisk: true, during: fillDisk },
	{ name: 'customer groups: whoever syncs them is killed', run: groupsChaos, groups: 5000, members: 200, kills: 20 },
	kfPlan,
	{
		name: 'three nodes on three database nodes', nodes: 3, galera: true, messages: 3000, strikes: 40, during: killPreferred, later: backupFromLast,
		kinds: ['kill a web child', 'kill a worker child', 'kill a master', 'reload', 'kill the database', 'cut every connection to the database', 'the model fails', 'WeCom loses its answers'],
	},
];
