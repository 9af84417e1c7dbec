const zh = {
  lead: '把配置、数据库、企业微信、模型和机器都检查一遍，说出哪里不对、怎么修。检查会真的连一次外部服务，可能要几秒。',
  again: '重新检查',
  checking: '正在检查，请稍等…',
  last: '检查于',
  all: '全部正常',
  some: '{n} 项要处理',
  state: { ok: '正常', warn: '注意', fail: '有问题', skipped: '未检查' },
  mend: '怎么修',
  onlyBad: '只看要处理的',
  nothing: '没有要处理的',
};

const en = {
  lead: 'Looks at configuration, database, WeCom, models and the machine, and says what is wrong and what mends it. It does call the services outside, so it may take some seconds.',
  again: 'Look again',
  checking: 'Looking…',
  last: 'Looked',
  all: 'All is well',
  some: '{n} to mend',
  state: { ok: 'Well', warn: 'Mind', fail: 'Failing', skipped: 'Skipped' },
  mend: 'What mends it',
  onlyBad: 'Only what needs mending',
  nothing: 'Nothing needs mending',
};

export const words = { zh, en };
