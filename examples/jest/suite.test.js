const nodemailer = require('nodemailer')
const { mailTo } = require('./fakesmtp.js')

test('welcome', async () => {
  nodemailer.createTransport(process.env.SMTP_URL) // your program does this, in the background
    .sendMail({ from: 'app@x.test', to: 'alice@x.test', subject: 'Welcome', text: 'Hello Alice' })
  expect((await mailTo('alice@x.test')).subject).toBe('Welcome')
})
