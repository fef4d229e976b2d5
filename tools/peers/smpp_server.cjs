// A message centre on loopback, by the npm package "smpp". Its one argument is JSON:
//   port, password, statuses (for the first submits, in order), refuse ({destination: status}), receipts ("text",
//   "tlv" or ""), cutAfter (destroys the connection at that submit, unanswered), silent (never answers submits; a number: none after so many),
//   hexadecimal (ids in answers; receipts name them in decimal), quiet (no line for each submit), deaf (to enquire_link),
//   pem (a file with key and certificate: TLS).
// Writes one JSON object a line: what it listens on, what it was sent, and "asked" for each byte on its input.
'use strict';
const fs = require('fs');
const smpp = require('smpp');

const options = Object.assign({ port: 0, password: 'secret' }, JSON.parse(process.argv[2] || '{}'));
let submits = 0;

smpp.addTLV('dlt_entity', { id: 0x1400, type: smpp.types.tlv.buffer });
smpp.addTLV('dlt_template', { id: 0x1401, type: smpp.types.tlv.buffer });

function tell(event) {
  process.stdout.write(JSON.stringify(event) + '\n');
}

function seen(pdu) {
  const message = pdu.short_message || {};
  const payload = pdu.message_payload || {};
  return {
    event: 'submit', source: pdu.source_addr, source_ton: pdu.source_addr_ton, source_npi: pdu.source_addr_npi,
    destination: pdu.destination_addr, destination_ton: pdu.dest_addr_ton, destination_npi: pdu.dest_addr_npi,
    esm_class: pdu.esm_class, data_coding: pdu.data_coding, registered_delivery: pdu.registered_delivery,
    validity_period: String(pdu.validity_period || ''), text: message.message, payload: payload.message,
    udh: (message.udh || []).map((part) => part.toString('hex')),
    entity: pdu.dlt_entity ? pdu.dlt_entity.toString('latin1') : '',
    template: pdu.dlt_template ? pdu.dlt_template.toString('latin1') : '',
  };
}

function receipt(session, id, pdu) {
  const turned = { source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 0x04 };
  const named = options.hexadecimal ? String(parseInt(id, 16)) : id;
  if (options.receipts === 'tlv') {
    Object.assign(turned, { receipted_message_id: named, message_state: 2, short_message: '' });
  } else {
    turned.short_message = `id:${named} sub:001 dlvrd:001 submit date:2611261200 done date:2611261201 ` +
      'stat:DELIVRD err:000 text:stat:UNDELIV';
  }
  session.deliver_sm(turned, (answer) => {
    if (!options.quiet) tell({ event: 'receipt_answer', status: answer.command_status });
  });
}

const pem = options.pem ? fs.readFileSync(options.pem) : '';
const server = smpp.createServer(pem ? { key: pem, cert: pem } : {}, (session) => {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    const right = pdu.password === options.password;
    tell({ event: 'bind', system_id: pdu.system_id, version: pdu.interface_version, right });
    session.send(pdu.response({ command_status: right ? 0 : smpp.ESME_RINVPASWD, system_id: 'centre' }));
    if (!right) session.close();
    if (right && options.enquire) session.enquire_link({}, () => tell({ event: 'enquire_answer' }));
  });
  session.on('enquire_link', (pdu) => {
    tell({ event: 'enquire_link' });
    if (!options.deaf) session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    tell({ event: 'unbind' });
    session.send(pdu.response());
    session.close();
  });
  session.on('submit_sm', (pdu) => {
    submits += 1;
    if (!options.quiet) tell(seen(pdu));
    if (options.silent === true || (options.silent && submits > options.silent)) return;
    if (options.cutAfter && submits === options.cutAfter) {
      session.socket.destroy();
      return;
    }
    const status = (options.statuses || [])[submits - 1] || (options.refuse || {})[pdu.destination_addr] || 0;
    if (status) {
      session.send(pdu.response({ command_status: status }));
      return;
    }
    const number = 1000 + submits;
    const id = options.hexadecimal ? number.toString(16).toUpperCase().padStart(8, '0') : `m${number}`;
    session.send(pdu.response({ message_id: id }));
    if (options.receipts) receipt(session, id, pdu);
  });
});
server.listen(options.port, '127.0.0.1', () => tell({ event: 'listening', port: server.address().port }));
process.stdin.on('data', (asked) => asked.forEach(() => tell({ event: 'asked' }))); // each byte asks for a line
process.stdin.on('end', () => process.exit(0));
