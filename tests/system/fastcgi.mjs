// A FastCGI client of a few lines: one request over a UNIX socket, with exactly the variables it is given.
import net from 'node:net';

function record(type, content) {
	const head = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]);
	return Buffer.concat([head, content]);
}

function length(n) {
	const b = Buffer.alloc(4);
	b.writeUInt32BE(n + 0x80000000);
	return b;
}

function params(variables) {
	return Buffer.concat(Object.entries(variables).flatMap(([name, value]) =>
		[length(Buffer.byteLength(name)), length(Buffer.byteLength(value)), Buffer.from(name), Buffer.from(value)]));
}

function* pieces(bytes, size = 8000) {
	for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function standardOutput(bytes) {
	const out = [];
	for (let at = 0; at + 8 <= bytes.length;) {
		const size = bytes.readUInt16BE(at + 4);
		if (bytes[at + 1] === 6) out.push(bytes.subarray(at + 8, at + 8 + size));
		at += 8 + size + bytes[at + 6];
	}
	return Buffer.concat(out).toString();
}

// {status, headers, text}; rejects when the connection ends without an answer.
export function ask(socket, variables, body = '') {
	return new Promise((resolve, reject) => {
		const received = [];
		const connection = net.connect(socket, () => {
			connection.write(record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])));     // begin: responder, no keep-alive
			for (const piece of pieces(params(variables))) connection.write(record(4, piece));
			connection.write(record(4, Buffer.alloc(0)));
			for (const piece of pieces(Buffer.from(body))) connection.write(record(5, piece));
			connection.write(record(5, Buffer.alloc(0)));
		});
		connection.setTimeout(10_000, () => connection.destroy(new Error('no FastCGI answer in 10 s')));
		connection.on('data', (piece) => received.push(piece));
		connection.on('error', reject);
		connection.on('close', () => {
			const text = standardOutput(Buffer.concat(received));
			const split = text.indexOf('\r\n\r\n');
			if (split < 0) return reject(new Error('the connection ended without an answer'));
			const headers = text.slice(0, split);
			const status = Number(/^Status: (\d+)/mi.exec(headers)?.[1] ?? 200);
			return resolve({ status, headers, text: text.slice(split + 4) });
		});
	});
}
