import assert from 'node:assert'
import test from 'node:test'
import nodemailer from 'nodemailer'
import { server } from './fakesmtp.mjs'

test('bounce', async t => {
  const smtp = server('--on', 'rcpt bounce@*: 550 no such user')
  t.after(() => process.kill(smtp.FAKESMTP_PID))
  const sent = nodemailer.createTransport(smtp.SMTP_URL).sendMail({ from: 'app@x.test', to: 'bounce@x.test', text: 'Hello' })
  await assert.rejects(sent, /no such user/)
})
