// The parts of Element Plus that every page may use without importing them. A page that needs another one imports it
// itself with its style sheet, so that only that page becomes larger.
import { ElAlert } from 'element-plus/es/components/alert/index.mjs';
import { ElButton } from 'element-plus/es/components/button/index.mjs';
import { ElCheckbox, ElCheckboxGroup } from 'element-plus/es/components/checkbox/index.mjs';
import { ElDialog } from 'element-plus/es/components/dialog/index.mjs';
import { ElDrawer } from 'element-plus/es/components/drawer/index.mjs';
import { ElDropdown, ElDropdownItem, ElDropdownMenu } from 'element-plus/es/components/dropdown/index.mjs';
import { ElForm, ElFormItem } from 'element-plus/es/components/form/index.mjs';
import { ElIcon } from 'element-plus/es/components/icon/index.mjs';
import { ElInput } from 'element-plus/es/components/input/index.mjs';
import { ElRadio, ElRadioButton, ElRadioGroup } from 'element-plus/es/components/radio/index.mjs';
import { ElOption, ElSelect } from 'element-plus/es/components/select/index.mjs';
import { ElSkeleton, ElSkeletonItem } from 'element-plus/es/components/skeleton/index.mjs';
import { ElSwitch } from 'element-plus/es/components/switch/index.mjs';
import { ElTabPane, ElTabs } from 'element-plus/es/components/tabs/index.mjs';
import { ElTag } from 'element-plus/es/components/tag/index.mjs';
import { ElTooltip } from 'element-plus/es/components/tooltip/index.mjs';

const parts = {
  ElAlert, ElButton, ElCheckbox, ElCheckboxGroup, ElDialog, ElDrawer, ElDropdown, ElDropdownItem, ElDropdownMenu, ElForm, ElFormItem, ElIcon,
  ElInput, ElOption, ElRadio, ElRadioButton, ElRadioGroup, ElSelect, ElSkeleton, ElSkeletonItem, ElSwitch, ElTabPane, ElTabs, ElTag, ElTooltip,
};

export function useElementPlus(app) {
  for (const [name, part] of Object.entries(parts)) app.component(name, part);
}
