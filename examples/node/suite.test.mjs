import assert from 'node:assert'
import test from 'node:test'
import nodemailer from 'nodemailer'
import { mailTo } from './fakesmtp.mjs'

test('welcome', async () => {
  nodemailer.createTransport(process.env.SMTP_URL) // your program does this, in the background
    .sendMail({ from: 'app@x.test', to: 'alice@x.test', subject: 'Welcome', text: 'Hello Alice' })
  assert.equal((await mailTo('alice@x.test')).subject, 'Welcome')
})
