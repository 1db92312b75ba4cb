import assert from 'node:assert'
import test from 'node:test'
import nodemailer from 'nodemailer'
import { mailTo } from './fakesmtp.mjs'

test('welcome', async () => {
  await nodemailer.createTransport(process.env.SMTP_URL) // your program does this
    .sendMail({ from: 'app@x.test', to: 'alice@x.test', subject: 'Welcome', text: 'Hello Alice' })
  assert.equal(mailTo('alice@x.test').subject, 'Welcome')
})
