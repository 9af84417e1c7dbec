// Customer groups: how many a second a first sweep takes in, with their members, and what a company in which nothing changed costs.
import { groupsChaos } from '../chaos/groups.mjs';

export async function measureGroups(stage, { groups, say }) {
	const { per_second: perSecond, calls_unchanged: calls } = await groupsChaos({ groups, members: 100, owners: 50, kills: 0, say });
	return [
		{ name: `customer groups of 100 members, synced a second (${groups} of them)`, figure: perSecond, unit: '/s', at_least: 20 },
		{ name: `calls of WeCom by a sweep of ${groups} groups in which nothing changed`, figure: calls, unit: 'calls', below: 10 },
	];
}
