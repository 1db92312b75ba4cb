/* SPDX-License-Identifier: ISC */
// Nodemailer, see run.py.  Its own words are options of createTransport(), as in pool=true or tls.minVersion=TLSv1.3.
'use strict';
const fs = require('fs');
const nodemailer = require('nodemailer');

const words = process.argv.slice(2);
if (words.includes('--version')) {
    console.log(require('nodemailer/package.json').version);
    process.exit();
}
const {SMTP_PORT, SMTP_CA_FILE, CLIENT_CERTIFICATE} = process.env;
const mail = {mails: 1, to: 'b', subject: 'Hello', octets: 0};
const tls = SMTP_CA_FILE ? {ca: fs.readFileSync(SMTP_CA_FILE)} : {};
const options = {host: 'localhost', port: SMTP_PORT, name: 'client.test', tls};
for (const word of words) {
    const [name, value] = word.split('=');
    if (name in mail) {
        mail[name] = value;
    } else if (name === 'login') {
        options.auth = {user: 'ann', pass: 'sesame'};
    } else if (name === 'certificate') {
        tls.cert = tls.key = fs.readFileSync(CLIENT_CERTIFICATE);
    } else {
        const typed = /^(true|false|\d+)$/.test(value) ? JSON.parse(value) : value;
        if (name.startsWith('tls.')) tls[name.slice(4)] = typed;
        else options[name] = typed;
    }
}

const list = addresses => addresses.map(address => address.replace('@x.test', '')).join(', ');

async function send(transport) {
    try {
        const {accepted, rejected} = await transport.sendMail({
            from: 'a@x.test',
            to: mail.to.split(',').map(name => name + '@x.test'),
            subject: mail.subject,
            text: 'x'.repeat(mail.octets) + '\n',
        });
        return `sent to ${list(accepted)}` + (rejected.length ? `, rejected: ${list(rejected)}` : '');
    } catch (e) {
        return `${e.code} ${e.message}` + (e.rejected ? `, rejected: ${list(e.rejected)}` : '');
    }
}

(async () => {
    const transport = nodemailer.createTransport(options);
    for (let i = 0; i < mail.mails; i++) console.log(await send(transport));
    transport.close();
})();
