// A model that streams as it is told: OpenAI's chat completions, on a port of its own. Each answer's first piece comes after `delay` ms and its
// time (process.hrtime, ms) is kept in `first` under the question's number; further pieces come each `pace` ms until `pieces` have
// been sent, or, where `hold` is set, until release() is called.
import http from 'node:http';

export const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

const chunk = (content, finish = null) => `data: ${JSON.stringify({
	id: 'c', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [{ index: 0, delta: content ? { content } : {}, finish_reason: finish }],
})}\n\n`;

function bodyOf(rq) {
	return new Promise((resolve, reject) => {
		let text = '';
		rq.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('error', reject).on('end', () => resolve(text));
	});
}

export function startModel(port, options) {
	const model = { delay: 0, pace: 100, pieces: 3, hold: false, ...options, first: new Map(), open: new Set() };

	const end = (one) => {
		clearInterval(one.timer);
		model.open.delete(one);
		one.answer.end(`${chunk('好。')}${chunk('', 'stop')}data: [DONE]\n\n`);
	};
	const begin = (one) => {
		one.answer.writeHead(200, { 'Content-Type': 'text/event-stream' });
		model.first.set(one.number, nowMs());
		one.answer.write(chunk('第一'));
		one.sent = 1;
		one.timer = setInterval(() => {
			if (!model.hold && ++one.sent >= model.pieces) end(one);
			else one.answer.write(chunk('然后再写几个字，'));
		}, model.pace);
	};
	const server = http.createServer(async (rq, answer) => {
		const text = await bodyOf(rq);
		const one = { answer, number: /#(\d+)#/.exec(text)?.[1] };
		model.open.add(one);
		answer.on('close', () => {
			clearInterval(one.timer);
			model.open.delete(one);
		});
		setTimeout(begin, model.delay, one);
	});

	model.begun = () => [...model.open].filter((one) => one.sent).length;
	model.release = () => {
		model.hold = false;
		for (const one of [...model.open]) end(one);
	};
	model.close = () => {
		server.close();
		server.closeAllConnections();
	};
	return new Promise((resolve, reject) => {
		server.on('error', reject).listen(port, '127.0.0.1', 4096, () => resolve(model));
	});
}
