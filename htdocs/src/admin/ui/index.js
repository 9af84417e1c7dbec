// The component set: what pages are made of. Chart is loaded when a page that has one is opened.
import { defineAsyncComponent } from 'vue';

export { default as ConfirmAction } from './ConfirmAction.vue';
export { default as CopyText } from './CopyText.vue';
export { default as DataTable } from './DataTable.vue';
export { default as DetailDrawer } from './DetailDrawer.vue';
export { default as Facts } from './Facts.vue';
export { default as FieldForm } from './FieldForm.vue';
export { default as JsonBlock } from './JsonBlock.vue';
export { default as Kept } from './Kept.vue';
export { default as MaskedText } from './MaskedText.vue';
export { default as PageActions } from './PageActions.vue';
export { default as Panel } from './Panel.vue';
export { default as ProgressNote } from './ProgressNote.vue';
export { default as StatTile } from './StatTile.vue';
export { default as StateTag } from './StateTag.vue';
export { default as StateView } from './StateView.vue';
export { default as TimeText } from './TimeText.vue';
export const Chart = defineAsyncComponent(() => import('./Chart.vue'));

export { fieldsFromSchema, openapi, routeFields } from './fields.js';
export { bytesText, durationText, durationWritten, exactTime, numberText, percentText, toMs } from './format.js';
export { useLoad, useSignal } from './load.js';
export { usePolling } from './poll.js';
export { expectedText, problemText } from './problem.js';
export { sayDone, sayFailed } from './say.js';
export { useServerWords } from './server.js';
export { useNow } from './clock.js';
