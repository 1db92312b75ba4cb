const nodemailer = require('nodemailer')
const { server } = require('./fakesmtp.js')

let smtp
beforeEach(() => { smtp = server('--on', 'rcpt bounce@*: 550 no such user') })
afterEach(() => process.kill(smtp.FAKESMTP_PID))

test('bounce', async () => {
  const sent = nodemailer.createTransport(smtp.SMTP_URL).sendMail({ from: 'app@x.test', to: 'bounce@x.test', text: 'Hello' })
  await expect(sent).rejects.toThrow(/no such user/)
})
