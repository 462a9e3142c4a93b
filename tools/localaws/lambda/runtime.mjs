// The runtime of functions in JavaScript: it loads the handler and asks the Runtime API
// for invocations.
// See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.
import { existsSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

const { AWS_LAMBDA_RUNTIME_API: api, LAMBDA_TASK_ROOT: root, _HANDLER: handlerName } = process.env;
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
let current; // the invocation in progress

// call sends a request to the Runtime API.
function call(method, resource, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(`http://${api}/2018-06-01/runtime/${resource}`, { method, agent, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

// described is an error as callers see it.
function described(error) {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function report(resource, error) {
  const body = described(error);
  return call('POST', resource, JSON.stringify(body), { 'Lambda-Runtime-Function-Error-Type': body.errorType });
}

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

// load returns the function that the handler's name says: path/file.function.
async function load() {
  const dir = path.dirname(handlerName);
  const [, file, exported] = /^([^.]*)\.(.*)$/.exec(path.basename(handlerName)) ?? [];
  if (!exported) {
    throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler');
  }
  const base = path.resolve(root, dir, file);
  const found = ['', '.js', '.mjs', '.cjs'].map((extension) => base + extension).find((name) => existsSync(name) && path.extname(name) !== '');
  if (!found) {
    throw new RuntimeError('Runtime.ImportModuleError', `Error: Cannot find module '${file}'`);
  }
  let loaded;
  try {
    loaded = await import(pathToFileURL(found).href);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new RuntimeError('Runtime.UserCodeSyntaxError', String(error));
    }
    const [, sdk] = /Cannot find (?:module|package) '(@aws-sdk\/[^'/]+|@smithy\/[^'/]+)/.exec(String(error)) ?? [];
    if (sdk) {
      throw new RuntimeError('Runtime.ImportModuleError', `${error}. On AWS, the runtime has ${sdk}; here, put it into the package, or into node_modules of the project: npm install --save-dev ${sdk}`);
    }
    if (['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error?.code)) {
      throw new RuntimeError('Runtime.ImportModuleError', String(error));
    }
    throw error;
  }
  const pick = (from) => exported.split('.').reduce((object, name) => object?.[name], from);
  const handler = pick(loaded) ?? pick(loaded.default);
  if (handler === undefined) {
    throw new RuntimeError('Runtime.HandlerNotFound', `${handlerName} is undefined or not exported`);
  }
  if (typeof handler !== 'function') {
    throw new RuntimeError('Runtime.HandlerNotFound', `${handlerName} is not a function`);
  }
  return handler;
}

// patchConsole gives each line the form of Lambda's log.
function patchConsole() {
  const json = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
  for (const [method, level] of Object.entries({ log: 'INFO', info: 'INFO', debug: 'DEBUG', warn: 'WARN', error: 'ERROR', trace: 'TRACE' })) {
    console[method] = (...args) => {
      const timestamp = new Date().toISOString();
      const requestId = current?.id;
      const message = format(...args);
      const line = json ? JSON.stringify({ timestamp, level, requestId, message }) : [timestamp, requestId ?? 'undefined', level, message.replaceAll('\n', '\r')].join('\t');
      process.stdout.write(line + '\n');
    };
  }
}

// run calls the handler and returns its result: what it returns, or gives to the callback.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error === null || error === undefined ? resolve(result) : reject(error));
    context.done = callback;
    context.succeed = (result) => callback(null, result);
    context.fail = (error) => callback(error ?? 'handled');
    // Nothing is left that could call the callback.
    current.empty = () => resolve(null);
    const result = handler(event, context, callback);
    if (typeof result?.then === 'function') {
      result.then(resolve, reject);
    } else if (result !== undefined && handler.length < 3) {
      resolve(result);
    }
  });
}

async function invoke(handler) {
  const { headers, text } = await call('GET', 'invocation/next');
  const id = headers['lambda-runtime-aws-request-id'];
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const parsed = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  current = { id };
  process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] ?? '';
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: id,
    clientContext: parsed('lambda-runtime-client-context'),
    identity: parsed('lambda-runtime-cognito-identity'),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  try {
    const result = await run(handler, JSON.parse(text), context);
    let body;
    try {
      body = JSON.stringify(result ?? null) ?? 'null';
    } catch (error) {
      throw new RuntimeError('Runtime.MarshalError', `Unable to stringify response body: ${error}`);
    }
    await call('POST', `invocation/${id}/response`, body);
  } catch (error) {
    console.error('Invoke Error', JSON.stringify(described(error)));
    await report(`invocation/${id}/error`, error);
  }
  current = undefined;
}

// fatal reports an error that nobody handled, and ends the process.
async function fatal(kind, error) {
  const wrapped = new RuntimeError(kind, error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  if (error?.stack) {
    wrapped.stack = error.stack;
  }
  console.error(kind === 'Runtime.UnhandledPromiseRejection' ? 'Unhandled Promise Rejection' : 'Uncaught Exception', JSON.stringify(described(wrapped)));
  try {
    await report(current ? `invocation/${current.id}/error` : 'init/error', wrapped);
  } finally {
    process.exit(kind === 'Runtime.UnhandledPromiseRejection' ? 128 : 129);
  }
}

patchConsole();
process.on('unhandledRejection', (error) => fatal('Runtime.UnhandledPromiseRejection', error));
process.on('uncaughtException', (error) => fatal(error?.name ?? 'Error', error));
process.on('beforeExit', () => current?.empty?.());
globalThis.awslambda = {
  streamifyResponse() {
    throw new RuntimeError('Runtime.Unsupported', 'the embedded AWS does not stream responses');
  },
};
let handler;
try {
  handler = await load();
} catch (error) {
  console.error(error?.name === 'Error' ? 'Uncaught Exception' : error?.name, JSON.stringify(described(error)));
  await report('init/error', error);
  process.exit(1);
}
for (;;) {
  await invoke(handler);
}
