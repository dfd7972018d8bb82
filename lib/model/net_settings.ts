import type { SysctlEntry } from "../gen/net.ts";

/** Names of what images have without them, in this order (`devconfs4` and `devconfs6`, criu/net.c). */
export const IPV4_SETTINGS = words(`
  accept_local accept_redirects accept_source_route arp_accept arp_announce arp_filter arp_ignore arp_notify
  bootp_relay disable_policy disable_xfrm force_igmp_version forwarding igmpv2_unsolicited_report_interval
  igmpv3_unsolicited_report_interval log_martians medium_id promote_secondaries proxy_arp proxy_arp_pvlan
  route_localnet rp_filter secure_redirects send_redirects shared_media src_valid_mark tag
  ignore_routes_with_linkdown drop_gratuitous_arp drop_unicast_in_l2_multicast
`);
export const IPV6_SETTINGS = words(`
  accept_dad accept_ra accept_ra_defrtr accept_ra_from_local accept_ra_min_hop_limit accept_ra_mtu accept_ra_pinfo
  accept_ra_rt_info_max_plen accept_ra_rtr_pref accept_redirects accept_source_route autoconf dad_transmits
  disable_ipv6 drop_unicast_in_l2_multicast drop_unsolicited_na force_mld_version force_tllao forwarding hop_limit
  ignore_routes_with_linkdown keep_addr_on_down max_addresses max_desync_factor mldv1_unsolicited_report_interval
  mldv2_unsolicited_report_interval mtu ndisc_notify optimistic_dad proxy_ndp regen_max_retry router_probe_interval
  router_solicitation_delay router_solicitation_interval router_solicitations stable_secret suppress_frag_ndisc
  temp_prefered_lft temp_valid_lft use_oif_addrs_only use_optimistic use_tempaddr
`);
/** The same for `unix_conf_entries` and `ipv4_sysctl_entries`. */
export const UNIX_SETTINGS = ["max_dgram_qlen"];
export const OTHER_IPV4_SETTINGS = ["ping_group_range"];

/** One that the kernel changes when forwarding is. */
const LAST = "accept_redirects";

/** The `type` of a text (`SysctlType` of images/sysctl.proto); CRIU 4.1 gives some a number as well, which is 0. */
const CTL_STR = 5;

/** Settings of an image. */
export interface SettingsList {
  /** Where they are, below /proc/sys. */
  readonly directory: string;
  readonly names: readonly string[];
  readonly entries: readonly SysctlEntry[];
}

/**
 * Values by their paths below /proc/sys, in the order in which they can be written. One that the kernel of the dump did
 * not have, or that had no value, has no value in the images.
 */
export function nameSettings({ directory, names, entries }: SettingsList): (readonly [path: string, value: string])[] {
  const settings = names.flatMap((name, index) => {
    const { type, iarg, sarg = "" } = entries[index] ?? {};
    const isText = type === CTL_STR || iarg === undefined;
    const value = isText ? sarg.trim().replaceAll("\t", " ") : String(iarg);
    return value === "" ? [] : [[`${directory}/${name}`, value] as const];
  });
  const isLast = ([path]: readonly [string, string]) => path.endsWith(`/${LAST}`);
  return [...settings.filter((setting) => !isLast(setting)), ...settings.filter(isLast)];
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
