// A shim around Node.js's tls module, in both roles. targets/README.md says what it is told and what it tells.
//
// The module does all the verifying: the shim configures it as its documentation says, and reports what came of it.
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const { constants } = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const readline = require('node:readline');
const tls = require('node:tls');

const QUESTION = 'who goes there?\n';
const ANSWER = 'a friend\n';

const told = (name, otherwise) => process.env[`GAUNTLET_${name}`] ?? otherwise;
const SERVER = told('ROLE') === 'server';
const REVOCATION = told('REVOCATION', 'none');
const DEADLINE = Number(told('HANDSHAKE_DEADLINE_MS', '10000'));

// What new connections get; reload replaces it. A server has a copy of its own.
let options;

function main() {
  refuseTheUnsupported();
  let server;
  try {
    options = configure();
    server = SERVER ? serverOf(options) : undefined;
  } catch (error) {
    say({ event: 'refused-to-start', reason: error.message });
    process.exit(1);
  }
  if (SERVER) {
    const [host, port] = hostAndPort(told('LISTEN'));
    doorOf(server).listen({ host, port, backlog: 4096 }, () => say({ event: 'ready' }));
  } else {
    say({ event: 'ready' });
  }
  obey(server);
}

// Follows the commands on standard input to its end, which is the shim's end too.
function obey(server) {
  const commands = readline.createInterface({ input: process.stdin });
  commands.on('line', (line) => {
    const [command, argument] = line.split(' ');
    if (command === 'connect') connect(argument);
    if (command === 'reload') reload(server);
  });
  commands.on('close', () => process.exit(0));
}

function reload(server) {
  try {
    const next = configure();
    server?.setSecureContext(next);
    options = next;
    say({ event: 'reloaded' });
  } catch (error) {
    say({ event: 'reload-failed', reason: error.message });
  }
}

// Configuration

function refuseTheUnsupported() {
  if (REVOCATION === 'end-entity') unsupported('the crl option checks the whole chain');
  if (REVOCATION !== 'none' && !told('CRL')) unsupported('without a list the tls module checks nothing');
  if (REVOCATION !== 'none' && told('UNKNOWN_STATUS') === 'allow') unsupported('OpenSSL refuses what no list covers');
  if (REVOCATION !== 'none' && told('EXPIRED_CRL') === 'allow') unsupported('OpenSSL refuses to use an expired list');
  if (told('STAPLING')) unsupported('the tls module hands stapled responses to the application unread');
}

function configure() {
  const options = {
    cert: file('CHAIN'),
    key: file('KEY'),
    ca: file('TRUST'), // instead of the roots that Node brings along
    minVersion: `TLSv${told('MIN_TLS')}`,
    maxVersion: `TLSv${told('MAX_TLS')}`,
    // A server without tickets, and without handlers that would keep its sessions, cannot resume any.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  if (told('ALPN')) options.ALPNProtocols = told('ALPN').split(',');
  if (REVOCATION !== 'none') options.crl = lists(file('CRL'));
  // What the module cannot use it shall say now, and not at the first handshake.
  tls.createSecureContext(options);
  return options;
}

// Of one text the module reads the first list only. An empty file yields one empty list, which it will not have.
function lists(pem) {
  return pem.toString('latin1').split(/(?<=-----END X509 CRL-----\n)/);
}

function file(name) {
  return fs.readFileSync(told(name));
}

// Server

// A TLS connection that has been destroyed has forgotten its address, which is wanted for telling of its end. So the
// server does not listen itself: it is handed connections, and all that follows from one finds its address here.
const address = new AsyncLocalStorage();

function doorOf(server) {
  return net.createServer({ noDelay: true }, (socket) => {
    address.run(`${socket.remoteAddress}:${socket.remotePort}`, () => server.emit('connection', socket));
  });
}

function serverOf(options) {
  const clientAuth = told('CLIENT_AUTH');
  const server = tls.createServer({
    ...options,
    requestCert: clientAuth !== 'none',
    // It would refuse clients without a certificate too: where one is optional, `authorized` is asked below.
    rejectUnauthorized: clientAuth === 'required',
    handshakeTimeout: DEADLINE,
  });
  server.on('secureConnection', (connection) => {
    const peer = address.getStore();
    if (clientAuth === 'optional' && connection.getPeerX509Certificate() && !connection.authorized) {
      refused(peer, connection.authorizationError);
      connection.on('close', () => closed(peer));
      connection.destroy();
      return;
    }
    converse(peer, connection, QUESTION, () => connection.end(ANSWER));
  });
  server.on('tlsClientError', (error, connection) => {
    const peer = address.getStore();
    // A connection over a bad certificate is just closed, with no alert; why is in authorizationError.
    refused(peer, connection.authorizationError ?? error);
    closed(peer);
  });
  return server;
}

// Client

function connect(peer) {
  const [host, port] = hostAndPort(peer);
  const name = told('SERVER_NAME');
  const connection = tls.connect({
    ...options,
    socket: net.connect({ host, port, noDelay: true }),
    host: name, // whom the server has to prove to be
    servername: net.isIP(name) ? '' : name, // what it is asked for
  });
  let accepted = false;
  const late = setTimeout(() => connection.destroy(new Error('the handshake took longer than its deadline')), DEADLINE);
  connection.once('secureConnect', () => {
    clearTimeout(late);
    accepted = true;
    converse(peer, connection, ANSWER, () => connection.end());
    connection.write(QUESTION);
  });
  connection.on('error', (error) => {
    clearTimeout(late);
    if (!accepted) {
      refused(peer, error);
      closed(peer);
    }
  });
}

// Both

// From the acceptance of the peer to the end of the connection.
function converse(peer, connection, line, answer) {
  say({ event: 'accepted', connection: peer, identity: identity(connection) });
  let received = '';
  connection.setEncoding('latin1');
  connection.on('data', (text) => {
    received += text;
    if (received.length < line.length) return;
    if (received === line) {
      say({ event: 'data', connection: peer });
      answer();
    } else {
      connection.destroy();
    }
  });
  connection.on('error', (error) => console.error(`${peer}: ${error.message}`));
  connection.on('close', () => closed(peer));
}

// Whom the application is told that the peer is; `undefined`, which JSON leaves out, where that cannot be read.
function identity(connection) {
  try {
    const certificate = connection.getPeerX509Certificate();
    if (!certificate) return null;
    const names = alternativeNames(certificate.subjectAltName ?? '');
    const id = names.find(([kind, name]) => kind === 'URI' && name.startsWith('spiffe://'));
    const host = names.find(([kind]) => kind === 'DNS');
    return (id ?? host)?.[1] ?? certificate.subject.split('\n').join(',');
  } catch {
    return undefined;
  }
}

// Node hands the names over as one text, `DNS:a, URI:b`, and quotes as JSON those that could be mistaken for more.
function alternativeNames(text) {
  const entry = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy;
  return [...text.matchAll(entry)].map(([, kind, name]) => [kind, name.startsWith('"') ? JSON.parse(name) : name]);
}

function hostAndPort(address) {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}

// Events

// Writes one line, and at once: the harness waits for it.
function say(event) {
  fs.writeSync(1, `${JSON.stringify(event)}\n`);
}

function refused(peer, reason) {
  say({ event: 'refused', connection: peer, reason: reason.reason ?? reason.message ?? reason });
}

function closed(peer) {
  say({ event: 'closed', connection: peer });
}

function unsupported(why) {
  console.error(why);
  process.exit(89);
}

main();
