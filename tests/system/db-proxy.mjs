// A proxy between wecomd and MariaDB that knows what is asked: it reads the client's commands, remembers each prepared
// statement's text, writes down the transactions it sees, and at a chosen statement does what breaks in real life. A rule
// says at which statement and what: one of the names in FAULTS.
import net from 'node:net';

export const FAULTS = ['deadlock', 'lock_timeout', 'cut_before', 'cut_after'];

const COM = { QUIT: 0x01, QUERY: 0x03, PREPARE: 0x16, EXECUTE: 0x17, LONG_DATA: 0x18, CLOSE: 0x19 };
const CAPABILITY = { COMPRESS: 0x20, SSL: 0x800 };

const ERRORS = {
	deadlock: [1213, '40001', 'Deadlock found when trying to get lock; try restarting transaction'],
	lock_timeout: [1205, 'HY000', 'Lock wait timeout exceeded; try restarting transaction'],
};

// Batches and lists of any length are one text, and so is white space.
export const normal = (sql) => sql.replace(/\s+/g, ' ').trim().replace(/\((\?|NULL|NOW\(\d?\))(,\s?(\?|NULL|NOW\(\d?\)))+\)/g, '(?…)')
	.replace(/\(\?\)/g, '(?…)').replace(/\(\?…\)(,\s?\(\?…\))+/g, '(?…)…');

function packet(sequence, payload) {
	const head = Buffer.alloc(4);
	head.writeUIntLE(payload.length, 0, 3);
	head[3] = sequence;
	return Buffer.concat([head, payload]);
}

const query = (sql) => packet(0, Buffer.concat([Buffer.from([COM.QUERY]), Buffer.from(sql)]));

function errorPacket([number, state, text]) {
	const head = Buffer.from([0xff, 0, 0]);
	head.writeUInt16LE(number, 1);
	return packet(1, Buffer.concat([head, Buffer.from(`#${state}${text}`)]));
}

// Cuts a stream into packets, each with its head of four bytes.
function splitter(take) {
	let pieces = [], length = 0;
	return (bytes) => {
		pieces.push(bytes);
		length += bytes.length;
		for (;;) {
			if (length < 4) return;
			if (pieces[0].length < 4) pieces = [Buffer.concat(pieces)];
			const size = pieces[0].readUIntLE(0, 3) + 4;
			if (length < size) return;
			const all = pieces.length > 1 ? Buffer.concat(pieces) : pieces[0];
			pieces = all.length > size ? [all.subarray(size)] : [];
			length -= size;
			take(all.subarray(0, size));
		}
	};
}

class Connection {
	constructor(proxy, client, at) {
		Object.assign(this, { proxy, client, phase: 'greeting', prepared: new Map(), open: undefined });
		this.server = net.connect(at);
		// What has begun is cut on both sides; a half-closed connection would be a fault nobody asked for.
		const end = () => this.cut();
		for (const socket of [client, this.server]) socket.on('error', end).on('close', end);
		this.server.on('data', splitter((bytes) => this.fromServer(bytes)));
		client.on('data', splitter((bytes) => this.fromClient(bytes)));
	}

	cut() {
		this.client.destroy();
		this.server.destroy();
		if (this.open) this.record('cut');
		this.proxy.connections.delete(this);
	}

	// --- transactions ---

	record(end) {
		this.proxy.transactions.push({ ...this.open, end });
		this.open = undefined;
	}

	// Without autocommit a transaction begins by itself; it is written down as if BEGIN had been said.
	before(sql) {
		return this.open?.statements ?? (this.implicit && !/^(SET|ROLLBACK|COMMIT)\b/i.test(sql) ? ['BEGIN'] : []);
	}

	note(sql) {
		const mode = /^SET autocommit=([01])$/.exec(sql);
		if (mode) {
			this.implicit = mode[1] === '0';
			return;
		}
		if (!this.open && this.before(sql).length) this.open = { statements: ['BEGIN'], errors: [] };
		if (this.open) {
			this.open.statements.push(sql);
		} else if (!/^(SET|ROLLBACK|COMMIT)\b/i.test(sql)) {
			this.proxy.transactions.push({ statements: [sql], errors: [], end: 'alone' });
		}
	}

	// --- the client's side ---

	fromClient(bytes) {
		if (this.client.destroyed) return;
		if (this.phase !== 'commands' || bytes[3] !== 0) {
			if (this.phase === 'greeted') this.checkCapabilities(bytes);
			this.server.write(bytes);
			return;
		}
		const sql = this.statementOf(bytes);
		this.command = bytes[4] === COM.CLOSE || bytes[4] === COM.LONG_DATA ? undefined : { type: bytes[4], sql, text: bytes };
		if (bytes[4] === COM.CLOSE) this.prepared.delete(bytes.readUInt32LE(5));
		const rule = sql && this.proxy.ruleFor(sql, this.before(sql));
		if (sql) this.note(sql);
		if (rule) this.strike(rule, bytes, sql);
		else this.pass(bytes, sql);
	}

	checkCapabilities(bytes) {
		const capabilities = bytes.readUInt32LE(4);
		if (capabilities & (CAPABILITY.COMPRESS | CAPABILITY.SSL)) throw new Error('the proxy reads neither TLS nor compression');
		this.phase = 'authenticating';
	}

	statementOf(bytes) {
		if (bytes[4] === COM.QUERY) return normal(bytes.toString('utf8', 5));
		if (bytes[4] !== COM.EXECUTE) return undefined;
		const sql = this.prepared.get(bytes.readUInt32LE(5));
		if (!sql) throw new Error('a statement is executed that was never prepared');
		return sql;
	}

	pass(bytes, sql) {
		this.server.write(bytes);
		if (sql && this.open && /^(COMMIT|ROLLBACK)$/i.test(sql)) this.record(sql.toLowerCase());
	}

	// --- faults ---

	strike(rule, bytes, sql) {
		if (rule.fault === 'pause') {
			rule.until.then(() => this.pass(bytes, sql));
		} else if (rule.fault === 'cut_before') {
			this.cut();
		} else if (rule.fault === 'cut_after') {
			this.answer = () => this.cut();
			this.pass(bytes, sql);
		} else if (rule.fault === 'lock_timeout') {
			this.fail(rule.fault);
		} else {
			// What a real deadlock leaves: no transaction.
			this.answer = () => {
				if (this.open) this.record('deadlock');
				this.fail(rule.fault);
			};
			this.server.write(query('ROLLBACK'));
		}
	}

	fail(fault) {
		this.command = undefined;
		this.open?.errors.push(ERRORS[fault][0]);
		this.client.write(errorPacket(ERRORS[fault]));
	}

	// --- the server's side ---

	fromServer(bytes) {
		if (this.client.destroyed) return;
		if (this.phase !== 'commands') {
			if (this.phase === 'greeting') this.phase = 'greeted';
			else if (bytes[4] === 0x00) this.phase = 'commands';
			this.client.write(bytes);
			return;
		}
		if (this.answer) {
			const then = this.answer;
			this.answer = undefined;
			then();
			return;
		}
		if (this.command) this.firstAnswer(bytes);
		this.client.write(bytes);
	}

	firstAnswer(bytes) {
		const { type, text } = this.command;
		this.command = undefined;
		if (type === COM.PREPARE && bytes[4] === 0x00) this.prepared.set(bytes.readUInt32LE(5), normal(text.toString('utf8', 5)));
		if (bytes[4] === 0xff) this.open?.errors.push(bytes.readUInt16LE(5));
	}
}

class Proxy {
	transactions = [];     // each: {statements, errors, end}; a statement outside of one stands alone
	connections = new Set();
	rules = [];

	// when(sql, before): before are the open transaction's statements. The rule strikes so many times; fired counts them.
	// A pause is no fault: the statement waits until a promise is kept.
	arm(fault, when, { times = 1, until } = {}) {
		const rule = { fault, when, times, until, fired: 0 };
		this.rules.push(rule);
		return rule;
	}

	disarm() { this.rules = []; }

	ruleFor(sql, before) {
		const rule = this.rules.find((one) => one.fired < one.times && one.when(sql, before));
		if (rule) rule.fired++;
		return rule;
	}

	close() {
		for (const connection of [...this.connections]) connection.cut();
		return new Promise((resolve) => { this.listener.close(resolve); });
	}
}

// Listens at one UNIX socket and connects to the other, which need not be there yet.
export async function startProxy({ at, to }) {
	const proxy = new Proxy();
	proxy.listener = net.createServer((client) => proxy.connections.add(new Connection(proxy, client, to)));
	await new Promise((resolve) => { proxy.listener.listen(at, resolve); });
	return proxy;
}
