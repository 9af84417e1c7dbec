const zh = {
  lead: '角色从左到右越来越大，每个角色都能做它左边的角色能做的事。下面的表由服务器自己的接口说明生成，所以总是和实际一致。',
  what: '能做什么',
  find: '查找',
  you: '你的角色',
  may: '可以',
  mayNot: '不可以',
  count: '{n} 项',
  onlyChanges: '只看会改动内容的',
  host: '主机',
  table: '每个角色能做什么',
  meaning: {
    viewer: '看：状态、列表和报表，个人信息打码。',
    operator: '办：日常处理，例如重试任务、回放事件、测试提问。',
    approver: '批：审批要发给客户的内容。',
    admin: '管：用户、密钥、设置、审计和删除客户资料。',
  },
};

const en = {
  lead: 'Roles grow from left to right; each may do what those to its left may. The table is made from the server’s own description of its interface, so it is always what holds.',
  what: 'What may be done',
  find: 'Find',
  you: 'Your role',
  may: 'may',
  mayNot: 'may not',
  count: '{n} things',
  onlyChanges: 'Only what changes something',
  host: 'Host',
  table: 'What each role may do',
  meaning: {
    viewer: 'Looks: states, lists and reports, with personal data masked.',
    operator: 'Does the daily work: tries jobs again, replays events, asks test questions.',
    approver: 'Approves what goes out to customers.',
    admin: 'Manages users, keys, settings and audit, and erases customers.',
  },
};

export const words = { zh, en };
