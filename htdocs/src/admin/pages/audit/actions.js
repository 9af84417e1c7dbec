// The actions that the core and its plugins write; others can be typed. Their Chinese is in core/words.js.
export const actions = ['session.begin', 'session.end', 'user.create', 'user.change', 'user.role', 'user.disable', 'user.enable', 'user.password',
  'user.password.own', 'user.totp.on', 'user.totp.off', 'key.create', 'key.revoke', 'setting.change', 'job.retry', 'job.cancel', 'job.retry_all', 'job.reveal', 'inbox.replay', 'inbox.reveal', 'outbound.reveal',
  'smartbot.bot.change', 'smartbot.role.put', 'smartbot.conversation.clear', 'smartbot.turn.reveal', 'smartbot.conversation.reveal',
  'smartbot.feedback.reveal', 'audit.prune', 'retention.delete', 'chat.take', 'chat.hand_back', 'chat.close', 'chat.say', 'chat.approve',
  'chat.discard', 'customer.reveal', 'customer.export', 'customer.erase', 'kf.account.add', 'kf.account.change', 'kf.account.rename', 'kf.account.delete', 'kf.servicer.add', 'kf.servicer.remove',
  'kf.link.add', 'kf.sync'];

// Dots would nest in the words.
export const keyOf = (action) => action.replaceAll('.', '_');
