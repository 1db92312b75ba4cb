import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

// the mail to an address, once it is there; the suite runs under fakesmtp.
// not execFileSync: the mail is sent by this process
export const mailTo = async address => {
  const options = ['-r', process.env.FAKESMTP_DIR, '-t', '10', '--match', `rcpt-to: ^${address}$`, '-j']
  return JSON.parse((await promisify(execFile)('fakesmtp', options)).stdout)
}

// a server of its own: SMTP_URL, FAKESMTP_PID and so on
export const server = (...options) => {
  const lines = execFileSync('fakesmtp', ['-b', '-k', '-q', '-t', '60', '--dotenv', ...options], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
  return Object.fromEntries(lines.trim().split('\n').map(l => l.split(/=(.*)/)))
}
