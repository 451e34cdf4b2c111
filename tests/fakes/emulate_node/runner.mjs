// One service of `emulate`, told what to do line by line: its address goes to standard output, each
// "reset" is answered with "done", and the end of standard input is its end.
import { createInterface } from 'node:readline';
import { createEmulator } from 'emulate';

const [service, seed] = process.argv.slice(2);
const emulator = await createEmulator({
  service, port: 0, hostname: '127.0.0.1', seed: JSON.parse(seed),
});
console.log(emulator.url);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'reset') emulator.reset();
  console.log('done');
}
await emulator.close();
process.exit(0);
