const { execFileSync } = require('node:child_process')

const run = options => execFileSync('fakesmtp', options, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })

// the mail to an address, once it is there; the suite runs under fakesmtp
exports.mailTo = address =>
  JSON.parse(run(['-r', process.env.FAKESMTP_DIR, '-t', '10', '--match', `rcpt-to: ^${address}$`, '-j']))

// a server of its own: SMTP_URL, FAKESMTP_PID and so on
exports.server = (...options) =>
  Object.fromEntries(run(['-b', '-k', '-q', '-t', '60', '--dotenv', ...options]).trim().split('\n').map(l => l.split(/=(.*)/)))
