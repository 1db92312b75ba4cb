const nodemailer = require('nodemailer')
const { mailTo } = require('./fakesmtp.js')

test('welcome', async () => {
  await nodemailer.createTransport(process.env.SMTP_URL) // your program does this
    .sendMail({ from: 'app@x.test', to: 'alice@x.test', subject: 'Welcome', text: 'Hello Alice' })
  expect(mailTo('alice@x.test').subject).toBe('Welcome')
})
