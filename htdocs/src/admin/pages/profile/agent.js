// "Chrome 120 · Windows" of a User-Agent; its beginning where it is none of a browser.
const browsers = [['Edg', 'Edge'], ['OPR', 'Opera'], ['Firefox', 'Firefox'], ['Chrome', 'Chrome'], ['Version', 'Safari']];
const systems = [['Windows', 'Windows'], ['Android', 'Android'], ['iPhone|iPad', 'iOS'], ['Mac OS X', 'macOS'], ['Linux', 'Linux']];

export function agentText(agent) {
  if (!agent) return '–';
  for (const [mark, name] of browsers) {
    const version = new RegExp(`${mark}/(\\d+)`).exec(agent)?.[1];
    const system = systems.find(([form]) => new RegExp(form).test(agent))?.[1];
    if (version) return `${name} ${version}${system ? ` · ${system}` : ''}`;
  }
  return agent.slice(0, 40);
}
