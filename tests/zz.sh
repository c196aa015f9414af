. tests/host/lib.sh
install_suite; install_policy <<X
permit alice manage,operate prefix postfix-a
X
P=$POSTMULTI
$P -e init; $P -I postfix-a -G g -e create; $P -I postfix-b -e create; $P doctor; echo "== $?"
$P -i b -e destroy --dry-run; echo "== $?"
age; postmulti -i a -e enable; $P -i a -p start; echo stop; $P -i a -p stop; $P -i a -e disable; touch /var/spool/postfix-a/private/foreign /var/lib/postfix-a/x /etc/postfix-a/y; mkdir -p /var/spool/postfix-a/deferred/A /var/spool/postfix-a/etc; 
as alice $P -i a -e destroy --dry-run; echo "== $?"
touch /var/spool/postfix-a/deferred/A/AAAA
as alice $P -i a -e destroy --dry-run | tail -3; echo "== $?"; rm /var/spool/postfix-a/deferred/A/AAAA
chmod 755 /var/spool/postfix-a/active; rmdir /var/spool/postfix-b/hold; rm /etc/postfix-b/main.cf; : > /etc/postfix-a/main.cf.tmp; mkdir -p /etc/postfix-z/.tmp; chmod 755 $HELPERS/postmulti-exec; chmod go+w /etc/postfix-a/master.cf; echo "permit x" > /etc/postmulti/policy.d/z.conf
postconf -e "multi_instance_directories = /etc/postfix-a /etc/postfix-b /etc/postfix-a"
$P doctor; echo "== $?"; as alice $P doctor; echo "== $?"; as carol $P doctor; echo "== $?"
chmod 4754 $HELPERS/postmulti-exec; rm /etc/postmulti/policy.d/z.conf
$P doctor --fix; echo "== $?"; $P doctor; $P -l
$P -i a -e destroy; echo $?; ls -R /var/spool/postfix-a | head; 
