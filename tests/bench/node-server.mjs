// The reference for callbacks: two Node processes that do the same work behind the same nginx. A callback is verified and decrypted with
// @wecom/crypto, its event and its job are written in one durable transaction with mysql2, and then it is acknowledged with the
// bot's encrypted first reply. As one would write it for speed: a pool with a connection for each request at hand, prepared statements,
// kept connections to nginx, no framework, no log. (What wecomd does beyond that is left out here: sealing of what is stored, the order of one
// person's questions, a log line, metrics.)
//
//     node node-server.mjs SOCKET DATABASE-SOCKET SCHEMA TOKEN AES-KEY
import cluster from 'node:cluster';
import crypto from 'node:crypto';
import http from 'node:http';
import wecom from '@wecom/crypto';
import mysql from 'mysql2/promise';

const [socket, databaseSocket, schema, token, aesKey] = process.argv.slice(2);
const eventSql = 'INSERT IGNORE INTO inbox_event (dedupe_key, endpoint, trace_id, payload) VALUES (?, ?, ?, ?)';
const jobSql = 'INSERT IGNORE INTO job (kind, job_key, state, due_at, trace_id, args) VALUES (?, ?, 1, NOW(3), ?, ?)';

const hash = (...parts) => crypto.createHash('sha256').update(parts.join('\0')).digest();

function bodyOf(rq) {
	return new Promise((resolve, reject) => {
		const pieces = [];
		rq.on('data', (piece) => pieces.push(piece)).on('error', reject).on('end', () => resolve(Buffer.concat(pieces)));
	});
}

async function commit(pool, message, bytes, streamId) {
	const trace = crypto.randomBytes(16).toString('hex');
	const connection = await pool.getConnection();
	try {
		await connection.beginTransaction();
		const [event] = await connection.execute(eventSql, [hash(message.msgid, message.from.userid), 'bench', trace, bytes]);
		if (event.affectedRows) {
			const args = JSON.stringify({ user: message.from.userid, parts: [{ text: message.text.content }], url: message.response_url });
			await connection.execute(jobSql, ['smartbot.answer', streamId, trace, args]);
		}
		await connection.commit();
	} catch (error) {
		await connection.rollback();
		throw error;
	} finally {
		connection.release();
	}
}

function sealed(reply, timestamp, nonce) {
	const encrypt = wecom.encrypt(aesKey, JSON.stringify(reply), '');
	return JSON.stringify({ encrypt, msgsignature: wecom.getSignature(token, timestamp, nonce, encrypt), timestamp: Number(timestamp), nonce });
}

async function receive(pool, rq, answer) {
	const query = new URLSearchParams(rq.url.slice(rq.url.indexOf('?')));
	const timestamp = query.get('timestamp');
	const nonce = query.get('nonce');
	const { encrypt } = JSON.parse(await bodyOf(rq));

	if (wecom.getSignature(token, timestamp, nonce, encrypt) !== query.get('msg_signature')) {
		answer.writeHead(403).end();
		return;
	}
	const text = wecom.decrypt(aesKey, encrypt).message;
	const message = JSON.parse(text);
	const streamId = hash('stream', message.msgid).toString('hex').slice(0, 32);
	await commit(pool, message, text, streamId);
	const body = sealed({ msgtype: 'stream', stream: { id: streamId, finish: false, content: '' } }, timestamp, nonce);
	answer.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(body) }).end(body);
}

if (cluster.isPrimary) {
	process.on('SIGTERM', () => process.exit(0));
	for (let i = 0; i < 2; i++) cluster.fork();
} else {
	const pool = mysql.createPool({ socketPath: databaseSocket, user: 'root', database: schema, connectionLimit: 16, timezone: 'Z' });
	http.createServer({ keepAliveTimeout: 60_000 }, (rq, answer) => {
		receive(pool, rq, answer).catch((error) => {
			console.error(error);
			answer.writeHead(503).end();
		});
	}).listen(socket);
}
