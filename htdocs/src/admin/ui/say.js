// A short word at the upper edge, read aloud by readers. What a person must not miss stands in the page instead.
import { ElMessage } from 'element-plus/es/components/message/index.mjs';

export const sayDone = (message) => ElMessage({ message, type: 'success', duration: 3000, grouping: true });
export const sayFailed = (message) => ElMessage({ message, type: 'error', duration: 8000, showClose: true, grouping: true });
