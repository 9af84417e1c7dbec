/* Answers by keyword. The earlier entry wins, so what is special stands before what is general. */
#include "answers.h"

#include <wecomd/buf.h>
#include <wecomd/text.h>

#include <stdlib.h>
#include <string.h>

#define QUOTE_CHARS 60

struct answer {
	const char *keywords;     /* "a|b|c": any of them, ASCII in either case */
	const char *text;
};

static const struct answer answers[] = {
	{"报销|发票|差旅",
	 "### 费用报销\n\n"
	 "1. 在**财务系统 → 我的报销**新建报销单，选择费用类型和成本中心。\n"
	 "2. 上传电子发票（PDF 或 OFD），系统会自动查重、验真。\n"
	 "3. 提交后由直属主管审批，金额超过 **5,000 元**还需要部门负责人审批。\n"
	 "4. 财务每周二、周四集中付款，一般 **3 个工作日**到账。\n\n"
	 "| 费用类型 | 提交期限 | 需要的附件 |\n"
	 "| --- | --- | --- |\n"
	 "| 差旅 | 返程后 15 天内 | 行程单、酒店水单、发票 |\n"
	 "| 招待 | 当月内 | 发票、参加人员名单 |\n"
	 "| 办公用品 | 当月内 | 发票、采购申请编号 |\n\n"
	 "> 发票抬头和税号请在财务系统首页复制，抬头有误的发票无法入账。\n"},

	{"请假|休假|年假|病假|调休",
	 "### 请假流程\n\n"
	 "1. 打开企业微信 **工作台 → 审批 → 请假**，选择假期类型和起止时间。\n"
	 "2. 写明工作交接人，提交后由直属主管审批；**3 天以上**再由部门负责人审批。\n"
	 "3. 审批通过后考勤自动更新，不需要另外通知 HR。\n\n"
	 "- **年假**：以半天为单位，当年未休的可以顺延到次年 3 月底。\n"
	 "- **病假**：返岗后 3 天内补交医院证明。\n"
	 "- **调休**：先用加班时长，有效期 6 个月。\n\n"
	 "剩余天数可以在 **工作台 → 假勤 → 我的假期**查看。\n"},

	{"会议室|订会议|开会",
	 "### 预订会议室\n\n"
	 "1. 打开 **工作台 → 会议室**，选择楼层、时间和人数。\n"
	 "2. 点空闲时段提交，预订成功后会自动生成日程。\n"
	 "3. 会前 **10 分钟**在门口的屏幕上签到，超时未签到会自动释放。\n\n"
	 "- 10 人以上的会议室请至少提前一天预订。\n"
	 "- 需要视频会议设备时，请在备注里写“**视频**”，行政会提前调试。\n"},

	{"打印机|打印|复印|扫描",
	 "### 连接打印机\n\n"
	 "**Windows**\n\n"
	 "1. 按 `Win + R`，输入 `\\\\print.corp.example`，回车。\n"
	 "2. 双击离你最近的打印机，驱动会自动安装。\n\n"
	 "**macOS**\n\n"
	 "1. 系统设置 → 打印机与扫描仪 → 添加打印机。\n"
	 "2. 选择 **IP**，地址填打印机标签上的 IP，协议选 *AirPrint*。\n\n"
	 "打印任务会保留 24 小时，到任意一台打印机刷工牌即可取件。卡纸或缺墨请联系前台。\n"},

	{"wifi|wi-fi|无线|上网|网络",
	 "### 办公室 WiFi\n\n"
	 "| 网络 | 给谁用 | 怎样登录 |\n"
	 "| --- | --- | --- |\n"
	 "| `Corp-Staff` | 员工电脑、手机 | 域账号和密码 |\n"
	 "| `Corp-Guest` | 访客 | 访客码，前台或接待人领取，当天有效 |\n\n"
	 "连不上时请依次检查：\n\n"
	 "1. 密码最近是否修改过？在设备上**忘记网络**后重新连接。\n"
	 "2. 系统时间是否准确？时间不准会使证书校验失败。\n"
	 "3. 换一个位置再试，仍然不行就把设备型号和所在楼层发给我，我来转给网络组。\n"},

	{"vpn|远程|在家办公|居家",
	 "### 使用 VPN\n\n"
	 "1. 在**软件中心**安装 VPN 客户端（Windows、macOS、手机都有）。\n"
	 "2. 服务器地址填 `vpn.corp.example`，用域账号登录。\n"
	 "3. 在手机上确认动态口令，显示“已连接”即可。\n\n"
	 "```\n"
	 "ping intranet.corp.example\n"
	 "```\n\n"
	 "能收到回复就说明通了。提示“**口令错误**”通常是手机时间不准；提示“**无权限**”请先在 *工作台 → 权限申请* 里申请远程办公权限。\n"},

	{"密码|账号|登录不|锁定|解锁",
	 "### 重置密码\n\n"
	 "1. 打开 `https://password.corp.example`，选择**忘记密码**。\n"
	 "2. 用企业微信扫码确认身份。\n"
	 "3. 设置新密码：至少 **12 位**，包含大小写字母和数字，不能与最近 5 次相同。\n\n"
	 "连续输错 5 次会锁定 **15 分钟**，到时自动解锁。\n\n"
	 "> 请不要把密码发给任何人，包括 IT 同事和我。\n"},

	{"工资|薪资|社保|公积金|个税",
	 "### 薪资与社保\n\n"
	 "- **发薪日**：每月 10 日，遇节假日提前。\n"
	 "- **工资条**：*工作台 → 薪资 → 我的工资条*，查看时需要二次验证。\n"
	 "- **社保、公积金**：每年 7 月调整基数，当月生效。\n"
	 "- **收入证明**：*工作台 → 证明开具*，电子章版本当天可以下载。\n\n"
	 "涉及个人明细的问题，请直接联系你的 HRBP，我看不到薪资数据。\n"},

	{"加班|考勤|打卡|迟到|补卡",
	 "### 考勤与加班\n\n"
	 "- 工作时间 **9:30–18:30**，弹性半小时，用企业微信打卡。\n"
	 "- 忘记打卡：*工作台 → 审批 → 补卡*，每月最多 **3 次**，当月内提交。\n"
	 "- 加班需要**事先申请**，工作日加班转为调休，法定节假日按规定计薪。\n"
	 "- 外出办事请选择“外出打卡”，并附上位置。\n"},

	{"入职|新人|试用期|转正",
	 "### 新同事第一周\n\n"
	 "1. **第一天**：在前台领取工牌和电脑，登录企业微信，修改初始密码。\n"
	 "2. **第二天**：完成信息安全和合规两门在线课程。\n"
	 "3. **第三天**：和导师约一次面谈，确认试用期目标。\n"
	 "4. **第一周内**：在 HR 系统补全档案、银行卡和紧急联系人。\n\n"
	 "试用期一般为 **3 个月**，到期前两周系统会自动发起转正流程。\n"},

	{"电脑|显示器|键盘|鼠标|设备|领用|采购",
	 "### 设备申领与维修\n\n"
	 "- **领用**：*工作台 → 资产 → 领用申请*，键盘、鼠标当天可取，显示器 2 个工作日。\n"
	 "- **维修**：带上设备到 **3 楼 IT 服务台**（9:30–18:00），或者在这里描述故障，我帮你登记。\n"
	 "- **更换**：电脑满 **4 年**可以申请更换，由部门负责人审批。\n\n"
	 "送修前请把资料同步到企业网盘，维修时可能需要重装系统。\n"},

	{"快递|访客|工牌|门禁|停车|保洁",
	 "### 行政服务\n\n"
	 "| 事项 | 怎样办理 |\n"
	 "| --- | --- |\n"
	 "| 访客 | *工作台 → 访客预约*，访客凭二维码进门 |\n"
	 "| 工牌遗失 | 前台挂失，补办当天可取 |\n"
	 "| 快递 | 1 楼收发室，上午 10 点、下午 4 点寄出 |\n"
	 "| 停车 | *工作台 → 车位*，每天早上 8 点放号 |\n"
	 "| 保洁、维修 | 在这里说明楼层和位置，行政 30 分钟内响应 |\n"},

	{"谢谢|多谢|感谢|thank",
	 "不客气！还有别的问题，随时问我。\n"},

	{"你是谁|你能做什么|帮助",
	 "我是公司的内部助手，可以回答这些问题：\n\n"
	 "- **IT**：WiFi、VPN、密码、打印机、设备申领\n"
	 "- **HR**：请假、考勤、薪资社保、入职转正\n"
	 "- **行政**：报销、会议室、访客、工牌、停车\n\n"
	 "直接说出你遇到的情况就行，比如“*怎么连 VPN*”或“*差旅怎么报销*”。\n"},

	{"你好|您好|嗨|早上好|下午好|晚上好|hello",
	 "你好！我是公司的内部助手。报销、请假、WiFi、VPN、会议室……有什么可以帮你？\n"},
};

static bool mentions(const char *question, const char *keywords)
{
	char word[64];

	while (*keywords) {
		size_t n = strcspn(keywords, "|");

		memcpy(word, keywords, n);
		word[n] = 0;
		if (strcasestr(question, word))
			return true;
		keywords += n + (keywords[n] == '|');
	}
	return false;
}

/* "数到 N". -1: nothing of that kind was asked. */
static long count_asked(const char *question)
{
	const char *at = strstr(question, "数到");
	long        n;
	char       *end;

	if (!at)
		return -1;
	at += strlen("数到") + strspn(at + strlen("数到"), " ");
	n = strtol(at, &end, 10);
	return end == at || n < 1 ? -1 : n;
}

static const char *count_to(wc_arena *a, long n)
{
	wc_buf *b = wc_buf_new(a, ANSWER_COUNT_MAX * 5);

	for (long i = 1; i <= n; i++)
		wc_buf_addf(b, i == 1 ? "%ld" : " %ld", i);
	return b->s;
}

static size_t bytes_of_chars(const char *s, size_t n, size_t chars)
{
	size_t i = 0;

	while (i < n && (chars > 0 || ((unsigned char)s[i] & 0xc0) == 0x80))
		chars -= ((unsigned char)s[i++] & 0xc0) != 0x80;
	return i;
}

/* What stands between marks of data ("<<<资料 …>>>" to "<<<资料结束 …>>>", each on a line of its own) or, with data false, outside of them;
 * never the marks. */
static const char *part_of(wc_arena *a, const char *question, bool data)
{
	wc_buf *b      = wc_buf_new(a, strlen(question) + 1);
	bool    inside = false;

	while (*question) {
		size_t n = strcspn(question, "\n");
		bool   opens = !strncmp(question, "<<<资料 ", strlen("<<<资料 ")), closes = !strncmp(question, "<<<资料结束 ", strlen("<<<资料结束 "));

		if (opens || closes)
			inside = opens;
		else if (inside == data)
			wc_buf_add(b, question, n + (question[n] == '\n'));
		question += n + (question[n] == '\n');
	}
	return b->s;
}

static bool is_blank(const char *s)
{
	size_t n = strlen(s);

	wc_text_trim(&s, &n);
	return !n;
}

static const char *take_up(wc_arena *a, const char *question)
{
	const char *s = question;
	size_t      n = strlen(question), shown;

	wc_text_trim(&s, &n);
	shown = bytes_of_chars(s, n, QUOTE_CHARS);
	return wc_printf(a,
	                 "关于「%.*s%s」，我先说说我的理解：\n\n"
	                 "1. 这个问题目前不在我的知识范围内，我不想猜一个可能错误的答案。\n"
	                 "2. 你可以补充一些细节，比如**系统名称**、**报错提示**和**发生的时间**，我再帮你看看。\n"
	                 "3. 着急的话，请联系 IT 服务台（分机 **8000**）或者你的 HRBP。\n",
	                 (int)shown, s, shown < n ? "…" : "");
}

/* What stands behind "复述：", to its end; NULL: nothing of that kind was asked. */
static const char *echo_asked(const char *question)
{
	static const char word[] = "复述：";
	const char       *at     = strstr(question, word);

	return at && at[strlen(word)] ? at + strlen(word) : NULL;
}

const char *answer_to(wc_arena *a, const char *question)
{
	const char *own = part_of(a, question, false), *data = part_of(a, question, true);
	long        n;

	question = is_blank(own) ? data : own;
	if (echo_asked(question))
		return echo_asked(question);
	n        = count_asked(question);
	if (n > ANSWER_COUNT_MAX)
		return wc_printf(a, "我最多数到 %d。\n", ANSWER_COUNT_MAX);
	if (n > 0)
		return count_to(a, n);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (mentions(question, answers[i].keywords))
			return answers[i].text;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (mentions(data, answers[i].keywords))
			return answers[i].text;
	return take_up(a, question);
}
