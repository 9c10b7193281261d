// One call of the official client for JavaScript: what to do comes as JSON in the first argument,
// what came of it goes out as lines of JSON. It lives until standard input closes.
import { createRequire } from 'node:module';

const { default: OpenAI } = createRequire(`${process.env.CLIENTS_JS}/`)('openai');
const { url, key, call, fields, timeout, stopAfter } = JSON.parse(process.argv[2]);
const client = new OpenAI({ baseURL: url, apiKey: key, maxRetries: 0, timeout: timeout * 1000 });
const tell = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);

async function listed() {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  tell({ models: ids });
}

async function streamed() {
  const stream = await client.chat.completions.create({ ...fields, stream: true });
  let seen = 0;
  for await (const chunk of stream) {
    tell({ chunk });
    seen += 1;
    if (seen === stopAfter) stream.controller.abort();
  }
}

try {
  if (call === 'models') await listed();
  else if (call === 'stream') await streamed();
  else tell({ answer: await client.chat.completions.create(fields) });
} catch (error) {
  tell({ error: error.constructor.name, message: error.message });
}
tell({ end: true });
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
