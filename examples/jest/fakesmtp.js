const { execFile, execFileSync } = require('node:child_process')
const { promisify } = require('node:util')

// the mail to an address, once it is there, before jest ends the test; the suite runs under fakesmtp.
// not execFileSync: the mail is sent by this process
exports.mailTo = async address => {
  const options = ['-r', process.env.FAKESMTP_DIR, '-t', '4', '--match', `rcpt-to: ^${address}$`, '-j']
  return JSON.parse((await promisify(execFile)('fakesmtp', options)).stdout)
}

// a server of its own: SMTP_URL, FAKESMTP_PID and so on
exports.server = (...options) => {
  const lines = execFileSync('fakesmtp', ['-b', '-k', '-q', '-t', '60', '--dotenv', ...options], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
  return Object.fromEntries(lines.trim().split('\n').map(l => l.split(/=(.*)/)))
}
