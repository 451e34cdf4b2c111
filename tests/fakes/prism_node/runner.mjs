// Prism's proxies in one process, told line by line: of ["description", "upstream"] the proxy's
// address goes to standard output, and the end of standard input is its end. As `prism proxy`
// without --errors, but that only requests are checked: everything is passed on, and what breaks the
// description is listed in the answer's header `sl-violations`.
import { createInterface } from 'node:readline';
import { createLogger } from '@stoplight/prism-core';
import { getHttpOperationsFromSpec } from '@stoplight/prism-http';
import { createServer } from '@stoplight/prism-http-server';

const logger = createLogger('Prism', { level: 'silent' });
for await (const line of createInterface({ input: process.stdin })) {
  const [description, upstream] = JSON.parse(line);
  const server = createServer(await getHttpOperationsFromSpec(description), {
    cors: false,
    components: { logger },
    config: {
      isProxy: true, upstream: new URL(upstream), errors: false, checkSecurity: true,
      validateRequest: true, validateResponse: false, mock: { dynamic: false },
    },
  });
  console.log(await server.listen(0, '127.0.0.1'));
}
process.exit(0);
